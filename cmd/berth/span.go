package main

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// spans has every flag that takes a time read by readSpan.
func spans() kong.Option {
	return kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		var text string
		if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
			return err
		}
		d, err := readSpan(text)
		if err != nil {
			return err
		}
		target.Set(reflect.ValueOf(d))
		return nil
	}))
}

// readSpan reads a duration: Go's form, with days before it: 90m, 7d, 1d12h. What the server counts is whole seconds: a fraction of one would silently be nothing.
func readSpan(text string) (time.Duration, error) {
	const most = 1<<63 - 1
	wrong := fmt.Errorf("%q is no time such as 90m, 72h, 7d or 1d12h", text)
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "0", text
	}
	n, err := strconv.ParseUint(days, 10, 32)
	if err != nil || n > most/uint64(24*time.Hour) {
		return 0, wrong
	}
	d := time.Duration(n) * 24 * time.Hour
	if rest != "" || !found {
		more, err := time.ParseDuration(rest)
		if err != nil || found && (more < 0 || more > most-d) {
			return 0, wrong
		}
		d += more
	}
	if d%time.Second != 0 {
		return 0, fmt.Errorf("%q is not of whole seconds", text)
	}
	return d, nil
}
