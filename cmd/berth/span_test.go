package main

import (
	"testing"
	"time"
)

// A time is never cut down to none, and days are times.
func TestReadSpan(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "0d": 0, "1s": time.Second, "90m": 90 * time.Minute, "72h": 3 * day, "7d": 7 * day, "1d12h": 36 * time.Hour, "-1h": -time.Hour,
		"500ms": -1, "1.5s": -1, "1d1ms": -1, "": -1, "d": -1, "7": -1, "7days": -1, "1d-1h": -1, "-1d": -1, "1.5d": -1, "1h1d": -1, "200000d": -1, "4294967295d": -1, "106751d24h": -1, "1w": -1,
	} {
		got, err := readSpan(text)
		if want == -1 && err == nil || want != -1 && (err != nil || got != want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
