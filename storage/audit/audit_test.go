package audit_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// A mutation's record lives and dies with its transaction; a read's is there after Close, and each is found by what one would ask for.
func TestRecordsAreKept(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		db, err := sql.Open(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		log, err := audit.Open(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		ids := map[string]string{requestID(now): "1", requestID(now): "2", requestID(now): "3"}
		id := func(name string) string {
			for id, n := range ids {
				if n == name {
					return id
				}
			}
			return ""
		}
		put := audit.Record{Time: now, RequestID: id("1"), Principal: "arn:aws:iam::111222333444:user/ann", Account: "111222333444", Action: "ecr:PutImage", Decision: "Allow"}
		if err := db.Write(t.Context(), func(tx *sql.Tx) error { return log.Write(tx, &put) }); err != nil {
			t.Fatal(err)
		}
		undone := errors.New("undone")
		lost := put
		lost.RequestID = id("2")
		if err := db.Write(t.Context(), func(tx *sql.Tx) error { return errors.Join(log.Write(tx, &lost), undone) }); !errors.Is(err, undone) {
			t.Fatal(err)
		}
		get := audit.Record{Time: now, RequestID: id("3"), Principal: "arn:aws:iam::999888777666:user/bob", Account: "999888777666", Owner: "111222333444", Action: "ecr:BatchGetImage", Decision: "Deny"}
		log.Add(&get)
		log.Close()
		for name, c := range map[string]struct {
			f    audit.Filter
			want string
		}{
			"all":       {audit.Filter{}, "13"},
			"owner":     {audit.Filter{Account: "111222333444"}, "13"},
			"principal": {audit.Filter{Principal: get.Principal}, "3"},
			"refusals":  {audit.Filter{Decision: "Deny"}, "3"},
			"request":   {audit.Filter{RequestID: id("1")}, "1"},
			"no id":     {audit.Filter{RequestID: "1"}, ""},
			"later":     {audit.Filter{From: now.Add(time.Hour)}, ""},
			"earlier":   {audit.Filter{To: now.Add(-time.Hour)}, ""},
			"then":      {audit.Filter{From: now.Add(-time.Minute), To: now.Add(time.Minute)}, "13"},
		} {
			found := ""
			if err := log.Find(t.Context(), c.f, func(r *audit.Record) error { found += ids[r.RequestID]; return nil }); err != nil {
				t.Fatal(err)
			}
			if found != c.want {
				t.Errorf("%s: found %q, want %q", name, found, c.want)
			}
		}
	})
}

// Very many records of one moment are all kept, though their ids are partly random.
func TestRecordsOfOneMoment(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		db, err := sql.Open(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		log, err := audit.Open(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		const many = 12_000 // of four million ids: about 17 are drawn twice
		now := time.Now()
		record := audit.Record{Time: now, RequestID: requestID(now), Action: "ecr:PutImage"}
		err = db.Write(t.Context(), func(tx *sql.Tx) error {
			for range many {
				if err := log.Write(tx, &record); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		if err := log.Find(t.Context(), audit.Filter{RequestID: record.RequestID}, func(*audit.Record) error { n++; return nil }); err != nil || n != many {
			t.Errorf("%d records, %v", n, err)
		}
	})
}

func requestID(at time.Time) string {
	var id [36]byte
	audit.PutRequestID(&id, at)
	return string(id[:])
}

// Who asks for a record finds it, also while somebody else is just writing it.
func TestRecordsBeingWrittenAreFound(t *testing.T) {
	db, err := sql.Open(t.Context(), sqltest.SQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	log, err := audit.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	held, release := make(chan struct{}), make(chan struct{})
	go db.Write(t.Context(), func(*sql.Tx) error { close(held); <-release; return nil })
	<-held // from here on no batch can be written
	now := time.Now()
	r := audit.Record{Time: now, RequestID: requestID(now), Action: "ecr:BatchGetImage", Decision: "Deny"}
	log.Add(&r)
	const askers = 3
	found := make(chan *audit.Record, askers)
	for range askers {
		go func() {
			r, err := log.Request(t.Context(), r.RequestID)
			if err != nil {
				t.Error(err)
			}
			found <- r
		}()
	}
	first := 0
	select {
	case got := <-found:
		t.Errorf("answered before the record was written: %+v", got)
		first++
	case <-time.After(50 * time.Millisecond): // as well as it can be: nobody has answered what was not written
	}
	close(release)
	for range askers - first {
		if got := <-found; got == nil {
			t.Error("the record is not found")
		}
	}
}

// RFC 9562, 5.7: the id of a request is a UUID of version 7, and sorts by time.
func TestRequestIDs(t *testing.T) {
	at := time.UnixMilli(0x017F22E279B0)
	seen := map[string]bool{}
	for range 1000 {
		id := requestID(at)
		if !strings.HasPrefix(id, "017f22e2-79b0-7") || !strings.Contains("89ab", id[19:20]) || len(id) != 36 || seen[id] {
			t.Fatalf("%q", id)
		}
		seen[id] = true
	}
	var room [36]byte
	if n := testing.AllocsPerRun(100, func() { audit.PutRequestID(&room, at) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A look for a request, for a time, or for the last records reads what it needs and not the whole log: here everything else cannot be read at all.
func TestWhatIsNotNeededIsNotRead(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		db, log := open(t, dsn)
		begin := time.Now().Add(-40 * 24 * time.Hour).Truncate(time.Minute)
		var ids []string
		for day := range 40 {
			for n := range 10 {
				at := begin.AddDate(0, 0, day).Add(time.Duration(n) * 7 * time.Second)
				ids = append(ids, requestID(at))
				log.Add(&audit.Record{Time: at, RequestID: ids[len(ids)-1], Action: "ecr:BatchGetImage", Resource: "arn:aws:ecr:us-east-1:111222333444:repository/app", Decision: "Allow"})
			}
		}
		log.Flush(t.Context())
		if err := db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`UPDATE audit_batch SET records = $1 WHERE last_id < $2`, []byte("lost"), sql.FirstID(begin.AddDate(0, 0, 39)))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		last, err := audit.Last(t.Context(), []*audit.Log{log}, audit.Filter{}, 3)
		if err != nil || len(last) != 3 || last[0].RequestID != ids[397] || last[2].RequestID != ids[399] {
			t.Errorf("the last records are %v, %v", last, err)
		}
		if last, err := audit.Last(t.Context(), []*audit.Log{log}, audit.Filter{Repository: "app", Decision: "Allow", From: begin.AddDate(0, 0, 39)}, 100); err != nil || len(last) != 10 {
			t.Errorf("of the last day there are %d records, %v", len(last), err)
		}
		if r, err := log.Request(t.Context(), ids[395]); err != nil || r == nil || r.RequestID != ids[395] {
			t.Errorf("the request is %v, %v", r, err)
		}
		for _, id := range []string{requestID(begin.AddDate(0, 0, 39)), requestID(begin.AddDate(0, 0, 30).Add(3 * time.Hour)), "x", ""} {
			if r, err := log.Request(t.Context(), id); err != nil || r != nil {
				t.Errorf("request %q is %v, %v", id, r, err)
			}
		}
		if _, err := audit.Last(t.Context(), []*audit.Log{log}, audit.Filter{}, 30); err == nil {
			t.Error("lost records are not missed")
		}
	})
}

// Backwards or forwards, over short and long gaps, at every limit: the last records are the last.
func TestLast(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		db, log := open(t, dsn)
		at := time.Date(2026, 3, 1, 11, 59, 58, 0, time.UTC)
		var all []string
		for n := range 200 {
			r := audit.Record{Time: at, RequestID: requestID(at), Principal: "p" + strconv.Itoa(n%5)}
			all = append(all, r.RequestID)
			if n%3 == 0 {
				if err := db.Write(t.Context(), func(tx *sql.Tx) error { return log.Write(tx, &r) }); err != nil {
					t.Fatal(err)
				}
			} else {
				log.Add(&r)
			}
			if n%17 == 0 {
				log.Flush(t.Context())
			}
			at = at.Add([]time.Duration{time.Millisecond, time.Second, 9 * time.Second, time.Hour, 50 * 24 * time.Hour}[n%5])
		}
		for limit := 1; limit < 250; limit += 7 {
			last, err := audit.Last(t.Context(), []*audit.Log{log}, audit.Filter{}, limit)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range last {
				got = append(got, r.RequestID)
			}
			if want := all[max(0, len(all)-limit):]; !slices.Equal(got, want) {
				t.Fatalf("the last %d are %d others", limit, len(got))
			}
		}
		last, err := audit.Last(t.Context(), []*audit.Log{log}, audit.Filter{Principal: "p3"}, 10)
		if err != nil || len(last) != 10 || last[9].RequestID != all[198] || last[0].RequestID != all[153] {
			t.Errorf("the last of p3 are %v, %v", last, err)
		}
	})
}

// What decisions were made of is written once, with the first record that names it, by either way, and forgotten with a transaction that failed.
func TestPieces(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, dsn string) {
		db, log := open(t, dsn)
		text := audit.NewPiece(`{"Statement":[]}`)
		user, same := audit.NewPiece("user "+text.ID(), text), audit.NewPiece("user "+text.ID(), text)
		if user.ID() != same.ID() || user.ID() == text.ID() {
			t.Fatal("a piece is not named by its content")
		}
		at := time.Now()
		r := audit.Record{Time: at, RequestID: requestID(at), Decision: "Deny", Evidence: audit.Evidence{Caller: user, Principal: &policy.Principal{Type: policy.User, ARN: "arn:aws:iam::111222333444:user/ann"}}}
		undone := errors.New("undone")
		if err := db.Write(t.Context(), func(tx *sql.Tx) error { return errors.Join(log.Write(tx, &r), undone) }); !errors.Is(err, undone) {
			t.Fatal(err)
		}
		count := func() (n int) {
			if err := db.Row(t.Context(), `SELECT COUNT(*) FROM audit_piece`, nil, &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := count(); n != 0 {
			t.Errorf("%d pieces without a record", n)
		}
		if err := db.Write(t.Context(), func(tx *sql.Tx) error { return log.Write(tx, &r) }); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != 2 {
			t.Errorf("%d pieces, not 2", n)
		}
		r.Evidence.Caller = same
		session := audit.NewPiece("session")
		r.Evidence.Session = session
		log.Add(&r)
		log.Add(&r)
		log.Flush(t.Context())
		if n := count(); n != 3 {
			t.Errorf("%d pieces, not 3", n)
		}
		found, err := log.Request(t.Context(), r.RequestID)
		if err != nil || found == nil || found.Evidence.Principal.Type != policy.User {
			t.Fatal(found, err)
		}
		bodies, err := log.Pieces(t.Context(), found.Evidence.Caller.ID(), text.ID(), session.ID(), "absent")
		if err != nil || len(bodies) != 3 || bodies[user.ID()] != "user "+text.ID() || bodies[text.ID()] != `{"Statement":[]}` || bodies[session.ID()] != "session" {
			t.Errorf("the pieces are %q, %v", bodies, err)
		}
		if line := string(found.Public().Line()); strings.Contains(line, "evidence") {
			t.Errorf("readers get %s", line)
		}
	})
}

func open(t *testing.T, dsn string) (*sql.DB, *audit.Log) {
	t.Helper()
	db, err := sql.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	log, err := audit.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	return db, log
}
