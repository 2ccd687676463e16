package sql

import (
	"path/filepath"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	engine "modernc.org/sqlite/lib"
)

// opened is the connections that SQLite made during TestPlansAreSteady. What SQLite calls must not move, as a closure may.
var opened struct {
	sync.Mutex
	all []uintptr
}

func notice(_ *libc.TLS, db, _, _ uintptr) int32 {
	opened.Lock()
	defer opened.Unlock()
	opened.all = append(opened.all, db)
	return engine.SQLITE_OK
}

// Every connection, of the writer and of the readers, keeps the plans of its statements.
func TestPlansAreSteady(t *testing.T) {
	f := notice
	extension := *(*uintptr)(unsafe.Pointer(&f))
	tls := libc.NewTLS()
	defer tls.Close()
	engine.Xsqlite3_auto_extension(tls, extension)
	defer engine.Xsqlite3_cancel_auto_extension(tls, extension)
	db, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "berth.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.pool.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	opened.Lock()
	defer opened.Unlock()
	if len(opened.all) < 2 {
		t.Fatalf("%d connections were made", len(opened.all))
	}
	args := tls.Alloc(24)
	defer tls.Free(24)
	answer := args + 16
	for _, one := range opened.all {
		if rc := engine.Xsqlite3_db_config(tls, one, engine.SQLITE_DBCONFIG_ENABLE_QPSG, libc.VaList(args, int32(-1), answer)); rc != engine.SQLITE_OK {
			t.Fatalf("sqlite3_db_config answers %d", rc)
		}
		if is := **(**int32)(unsafe.Pointer(&answer)); is != 1 {
			t.Error("a connection plans its statements anew")
		}
	}
}
