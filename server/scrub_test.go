package server_test

import (
	"testing"

	"github.com/berth-registry/berth/server"
)

func TestRate(t *testing.T) {
	for text, want := range map[string]server.Rate{"0": 0, "10MB/s": 10_000_000, "512kB": 512_000, "1 GB/s": 1_000_000_000, "7B/s": 7, "": -1, "fast": -1, "-1MB": -1, "9999999GB/s": -1} {
		var r server.Rate
		if err := r.UnmarshalText([]byte(text)); err != nil {
			r = -1
		}
		if r != want {
			t.Errorf("%q is %d, want %d", text, r, want)
		}
	}
}
