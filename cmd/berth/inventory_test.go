package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each file of testdata/inventory is what a tool prints, and names the images in the file beside it.
func TestReadInventory(t *testing.T) {
	files, err := filepath.Glob("testdata/inventory/*")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, file := range files {
		if strings.HasSuffix(file, ".want") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(strings.TrimSuffix(file, filepath.Ext(file)) + ".want")
		if err != nil {
			t.Fatal(err)
		}
		got, err := readInventory(text)
		if err != nil || !slices.Equal(got, strings.Fields(string(want))) {
			t.Errorf("%s: %v\n%s", file, err, strings.Join(got, "\n"))
		}
		read++
		// Cut anywhere, as by a full disk, a document is not taken for a shorter one. Of lines that cannot be known, nor of whole documents one after the other.
		if cut := len(text) / 2; strings.HasSuffix(file, ".json") && text[cut-1] != '\n' {
			if got, err := readInventory(text[:cut]); err == nil {
				t.Errorf("half of %s was taken: %v", file, got)
			}
		}
	}
	if read < 7 {
		t.Errorf("only %d documents", read)
	}
}

// What is no list of images is refused with the place, and not taken for a report of nothing, which would end the protection of what the one before named.
func TestReadInventoryRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"NAME        READY   STATUS\ncheckout-1  1/1     Running\n":              `line 1: "NAME        READY   STATUS" is not a reference to an image`,
		"# ours\nhost/app:1\nError from server (Forbidden): pods is forbidden\n": "line 3: ",
		"apiVersion: v1\nitems:\n- apiVersion: v1\n":                             "line 1: ",
		"host/app:1\x00\n": "line 1: ",
		"{\n  \"items\": [\n    {\"image\": \"host/app:1\",}\n  ]\n}\n":                            "line 3: it begins like JSON, and cannot be read as such: invalid character '}'",
		"{\"Image\":\"host/app:1\"}\n{\"Image\":\"host/app:2\"\n":                                  "line 3: it begins like JSON, and cannot be read as such: unexpected EOF",
		"{\"Image\":\"host/app:1\"}\nError response from daemon: This node is not a swarm manager": "line 2: it begins like JSON, and cannot be read as such: invalid character 'E'",
	} {
		if got, err := readInventory([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "\n# nothing\n", `{"apiVersion":"v1","items":[],"kind":"List"}`, `{"kind":"Status","status":"Failure","reason":"Forbidden"}`, "[]"} {
		if got, err := readInventory([]byte(text)); err != nil || len(got) != 0 { // the command asks for --allow-empty
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
