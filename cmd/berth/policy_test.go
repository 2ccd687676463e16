package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// answers runs lines through f and returns one object an answer.
func answers(t *testing.T, f func(io.Reader, io.Writer) error, input string) []map[string]any {
	t.Helper()
	var out bytes.Buffer
	if err := f(strings.NewReader(input), &out); err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	for line := range strings.Lines(out.String()) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, one)
	}
	return list
}
