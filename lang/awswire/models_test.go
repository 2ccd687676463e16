package awswire

import (
	"bytes"
	"encoding/json"
	"testing"
)

// encoding/json takes the last of two members of one name: a shape that is written twice would silently change what its other users accept.
func TestModelsNameNothingTwice(t *testing.T) {
	files, err := models.ReadDir("models")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := models.ReadFile("models/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(text))
		var walk func(at string)
		walk = func(at string) {
			token, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			switch token {
			case json.Delim('{'):
				for seen := map[string]bool{}; d.More(); {
					name, err := d.Token()
					if err != nil {
						t.Fatal(err)
					}
					key := name.(string)
					if seen[key] {
						t.Errorf("%s: %s.%s stands twice", f.Name(), at, key)
					}
					seen[key] = true
					walk(at + "." + key)
				}
				_, _ = d.Token() // the closing brace
			case json.Delim('['):
				for d.More() {
					walk(at + "[]")
				}
				_, _ = d.Token()
			}
		}
		walk("")
	}
}
