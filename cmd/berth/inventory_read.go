package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// readInventory finds the references to images in what the tools print: JSON values one after the other, or lines. What is neither is an error that says where: a report
// that was misread would leave images without protection that run somewhere.
func readInventory(text []byte) ([]string, error) {
	found := map[string]bool{}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // as PowerShell writes it
	if trimmed := bytes.TrimSpace(text); len(trimmed) == 0 || trimmed[0] != '{' && trimmed[0] != '[' {
		n := 0
		for line := range strings.Lines(string(text)) {
			n++
			reference, _, _ := strings.Cut(strings.TrimSpace(line), " #")
			reference = strings.TrimSpace(reference)
			switch {
			case reference == "" || reference[0] == '#':
			case strings.ContainsFunc(reference, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
				return nil, fmt.Errorf("line %d: %.100q is not a reference to an image; is this JSON, or one reference in a line?", n, reference)
			default:
				found[reference] = true
			}
		}
		return slices.Sorted(maps.Keys(found)), nil
	}
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var v any
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			return slices.Sorted(maps.Keys(found)), nil
		}
		if err != nil {
			at := int64(len(text))
			if wrong := (*json.SyntaxError)(nil); errors.As(err, &wrong) {
				at = wrong.Offset
			}
			return nil, fmt.Errorf("line %d: it begins like JSON, and cannot be read as such: %w", 1+bytes.Count(text[:min(at, int64(len(text)))], []byte("\n")), err)
		}
		references(v, found)
	}
}

// references adds the images that a value names: Kubernetes calls them image, imageID, and the reference of an image volume; Docker Image; ECS image, and the
// imageDigest beside it.
func references(v any, found map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			references(item, found)
		}
	case map[string]any:
		digest, _ := v["imageDigest"].(string)
		for name, member := range v {
			switch text, isText := member.(string); {
			case !isText:
				if volume, ok := member.(map[string]any); ok && name == "image" {
					if reference, ok := volume["reference"].(string); ok && reference != "" {
						found[reference] = true
					}
				}
				references(member, found)
			case text == "":
			case name == "image" && digest != "":
				image, _, _ := strings.Cut(text, "@")
				found[image+"@"+digest] = true
			case name == "image" || name == "imageID" || name == "Image":
				found[text] = true
			}
		}
	}
}
