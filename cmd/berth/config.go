package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// settings are flags from a configuration file: what the command line and the environment do not say.
type settings map[string]any

// readConfig reads a configuration file: YAML, which JSON is too. Its keys are the names of flags.
func readConfig(r io.Reader) (kong.Resolver, error) {
	var s settings
	if err := yaml.NewDecoder(r).Decode(&s); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("it is neither YAML nor JSON with the names of flags: %w", err)
	}
	return s, nil
}

// Validate refuses a key that is no flag of any command: a setting that is misspelt would silently not be there.
func (s settings) Validate(app *kong.Application) error {
	var known []string
	if err := kong.Visit(app, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			known = append(known, flag.Name)
		}
		return next(nil)
	}); err != nil {
		return err
	}
	for key := range s {
		if !slices.Contains(known, key) {
			return fmt.Errorf("--config: there is no flag %q", key)
		}
	}
	return nil
}

// Resolve finds a flag's value. The environment comes before the file.
func (s settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, ok := os.LookupEnv(name); ok {
			return nil, nil
		}
	}
	switch value := s[flag.Name].(type) {
	case nil, string, bool, []any:
		return value, nil
	case map[string]any:
		return nil, errors.New("it is one value or a list")
	default:
		return strings.TrimSpace(fmt.Sprint(value)), nil
	}
}
