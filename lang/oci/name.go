package oci

import "github.com/berth-registry/berth/fault"

const (
	minRepositoryName = 2
	maxRepositoryName = 256
	maxTag            = 128
)

// CheckRepository says whether name may name a repository (API-24): 2 to 256 characters, components of lower-case letters and digits joined by one '.',
// one or two '_' or any number of '-', the components separated by single slashes. Its fault is NameInvalid. What passes holds no "..", "//" or upper
// case, so it cannot leave a folder and cannot differ from another name by case only (H02, H03).
func CheckRepository(name string) error {
	if len(name) < minRepositoryName || len(name) > maxRepositoryName {
		return fault.New(fault.NameInvalid, "Invalid repository name: it must have 2 to 256 characters")
	}
	for i := 0; ; {
		// A run of letters and digits must stand here: at the start, and after each separator.
		start := i
		for i < len(name) && isLowerAlphanumeric(name[i]) {
			i++
		}
		if i == start {
			return errNameGrammar()
		}
		if i == len(name) {
			return nil
		}
		switch name[i] {
		case '.', '/':
			i++
		case '_':
			i++
			if i < len(name) && name[i] == '_' {
				i++
			}
		case '-':
			for i < len(name) && name[i] == '-' {
				i++
			}
		default:
			return errNameGrammar()
		}
	}
}

// CheckTag says whether tag may name an image over HTTP (API-25, H04): 1 to 128 characters, letters, digits, '_', '.' and '-', not beginning with '.' or
// '-'. Its fault is TagInvalid.
func CheckTag(tag string) error {
	if tag == "" || len(tag) > maxTag {
		return fault.New(fault.TagInvalid, "Invalid image tag: it must have 1 to 128 characters")
	}
	for i := 0; i < len(tag); i++ {
		c := tag[i]
		if isLowerAlphanumeric(c) || 'A' <= c && c <= 'Z' || c == '_' || i > 0 && (c == '.' || c == '-') {
			continue
		}
		return fault.New(fault.TagInvalid,
			"Invalid image tag: it must hold only letters, digits, '_', '.' and '-', and begin with a letter, a digit or '_'")
	}
	return nil
}

func isLowerAlphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

func errNameGrammar() error {
	return fault.New(fault.NameInvalid, "Invalid repository name: it must hold only lower-case letters and digits, "+
		"joined by '.', '_', '__' or '-', in parts separated by single slashes")
}
