package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/berth-registry/berth/backup"
)

// In a timer's log there is a line for each minute that something takes, and on a terminal one line that changes.
func TestProgressWithoutATerminal(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		terminal bool
		want     string
	}{
		{false, "bytes: 18.0 MB of 60.0 MB, about 2m20s left\nbytes: 36.0 MB of 60.0 MB, about 1m20s left\n"},
		{true, "\r\x1b[Kbytes: 0 B of 60.0 MB"},
	} {
		var out bytes.Buffer
		p := &progressLine{out: &out, terminal: c.terminal, shown: begin}
		for second := range 180 {
			p.showAt(begin.Add(time.Duration(second)*time.Second), "bytes", int64(second)*300_000, 60_000_000)
		}
		if got := out.String(); c.terminal && !bytes.HasPrefix(out.Bytes(), []byte(c.want)) || !c.terminal && got != c.want {
			t.Errorf("terminal %v: %.200q", c.terminal, got)
		}
	}
	var out bytes.Buffer
	at := begin
	show, clear := line(&progressLine{out: &out}, "backup", func() time.Time { return at })
	for range 130 {
		show(backup.Progress{Objects: 5, AllObjects: 10, Bytes: 50, AllBytes: 100})
		at = at.Add(time.Second)
	}
	clear()
	if got := out.String(); got != "backup: 5 of 10 layers, 50 B of 100 B, 1m0s left\nbackup: 5 of 10 layers, 50 B of 100 B, 2m0s left\n" {
		t.Errorf("%q", got)
	}
}
