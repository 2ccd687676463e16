package sql

import (
	"context"
	"maps"
	"slices"
	"unsafe"

	"modernc.org/libc"
	engine "modernc.org/sqlite/lib"
)

// steadyPlans has SQLite plan each statement once, for all values that will be bound to it (its "query planner stability guarantee"). Without that, it notes for most
// statements of more than one table that the value of a parameter might make for a better plan, and compiles them anew each time that they are run: of the CPU time of
// pushes a tenth went there, and of the reads of what is not in memory most. No statement here needs it: what picks a partial index is in its text.
//
// There is neither a pragma for it nor an option of the driver, so it is set by an extension that SQLite loads into every new connection. Asking for the same one again
// does nothing.
func steadyPlans() {
	enable := enableSteadyPlans // a function of C, as the driver knows it, is the address of a function value; this one is constant and never moves
	tls := libc.NewTLS()
	defer tls.Close()
	engine.Xsqlite3_auto_extension(tls, *(*uintptr)(unsafe.Pointer(&enable)))
}

// enableSteadyPlans is called with the connection as db; it answers a result code of SQLite.
func enableSteadyPlans(tls *libc.TLS, db, _, _ uintptr) int32 {
	args := tls.Alloc(16)
	defer tls.Free(16)
	return engine.Xsqlite3_db_config(tls, db, engine.SQLITE_DBCONFIG_ENABLE_QPSG, libc.VaList(args, int32(1), uintptr(0)))
}

// Statements are the texts of those that were run on SQLite, so that tests can look at their plans.
func (db *DB) Statements(ctx context.Context) (texts []string, err error) {
	db.stmts.Range(func(text, _ any) bool {
		texts = append(texts, text.(string))
		return true
	})
	if db.writer == nil {
		return texts, nil
	}
	read := len(texts)
	err = db.Write(ctx, func(*Tx) error { // the writer's are only its own to look at
		texts = slices.AppendSeq(texts[:read], maps.Keys(db.writer.stmts))
		return nil
	})
	return texts, err
}
