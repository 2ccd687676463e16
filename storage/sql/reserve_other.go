//go:build !linux

package sql

import "os"

func allocate(file *os.File, size int) error { return fillUp(file, size) }
