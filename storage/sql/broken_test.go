package sql_test

import (
	"io"
	"net"
	"net/url"
	"testing"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// A connection that breaks in a transaction, at its commit or before, is Unavailable: the client may try again (F14).
func TestConnectionThatBreaks(t *testing.T) {
	u, err := url.Parse(sqltest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	upstream := u.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	u.Host = l.Addr().String()
	conns := make(chan net.Conn, 100)
	go func() {
		for {
			node, err := l.Accept()
			if err != nil {
				return
			}
			database, err := net.Dial("tcp", upstream)
			if err != nil {
				t.Error(err)
				return
			}
			conns <- node
			go func() { _, _ = io.Copy(node, database); node.Close() }()
			go func() { _, _ = io.Copy(database, node); database.Close() }()
		}
	}()
	db, err := sql.Open(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	cut := func() {
		for len(conns) > 0 {
			(<-conns).Close()
		}
	}
	for name, f := range map[string]func(tx *sql.Tx) error{
		"at the commit": func(*sql.Tx) error { cut(); return nil },
		"before": func(tx *sql.Tx) error {
			cut()
			_, err := tx.Exec(`SELECT 1`)
			return err
		},
	} {
		if err := db.Write(t.Context(), f); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %#v %v", name, err, err)
		}
	}
	var one int
	if err := db.Row(t.Context(), `SELECT 1`, nil, &one); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
