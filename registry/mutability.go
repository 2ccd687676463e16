package registry

import (
	"github.com/berth-registry/berth/fault"
)

// The modes of TagMutability (API-38).
const (
	Mutable              = "MUTABLE"
	Immutable            = "IMMUTABLE"
	MutableWithExclusion = "MUTABLE_WITH_EXCLUSION"
	ImmutableWithExcl    = "IMMUTABLE_WITH_EXCLUSION"
)

// TagMutability says which tags of a repository may be moved to another image.
type TagMutability struct {
	Mode string
	// Exclusions are wildcard filters: with IMMUTABLE_WITH_EXCLUSION the tags that match one may move, with MUTABLE_WITH_EXCLUSION they may not (API-69).
	Exclusions []string
}

// IsImmutable reports whether tag, once it names an image, must go on naming it (API-68, API-69).
func (m TagMutability) IsImmutable(tag string) bool {
	switch m.Mode {
	case Immutable:
		return true
	case ImmutableWithExcl:
		return !m.excludes(tag)
	case MutableWithExclusion:
		return m.excludes(tag)
	}
	return false
}

func (m TagMutability) excludes(tag string) bool {
	for _, filter := range m.Exclusions {
		if matches(filter, tag) {
			return true
		}
	}
	return false
}

// matches reports whether the whole tag matches a filter in which * stands for any run of characters. It goes back only to the last *, so its time is at
// most the product of the lengths, whatever the filter (H86).
func matches(filter, tag string) bool {
	f, t, star, mark := 0, 0, -1, 0
	for t < len(tag) {
		switch {
		case f < len(filter) && filter[f] == '*':
			star, mark = f, t
			f++
		case f < len(filter) && filter[f] == tag[t]:
			f++
			t++
		case star >= 0:
			mark++
			f, t = star+1, mark
		default:
			return false
		}
	}
	for f < len(filter) && filter[f] == '*' {
		f++
	}
	return f == len(filter)
}

// check applies API-38. parameter is the name by which the operation knows the setting.
func (m TagMutability) check() error {
	switch m.Mode {
	case Mutable, Immutable:
		if len(m.Exclusions) > 0 {
			return invalid("imageTagMutabilityExclusionFilters", "ImageTagMutabilityExclusionFilters are not allowed when imageTagMutability is set to "+m.Mode)
		}
	case MutableWithExclusion, ImmutableWithExcl:
		if len(m.Exclusions) == 0 {
			return invalid("imageTagMutabilityExclusionFilters", "ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set to "+m.Mode)
		}
	default:
		return invalid("imageTagMutability", "Member must satisfy enum value set: [IMMUTABLE_WITH_EXCLUSION, IMMUTABLE, MUTABLE_WITH_EXCLUSION, MUTABLE]")
	}
	if len(m.Exclusions) > 5 {
		return invalid("imageTagMutabilityExclusionFilters", "Member must have length less than or equal to 5")
	}
	for _, f := range m.Exclusions {
		stars := 0
		for i := range len(f) {
			switch c := f[i]; {
			case c == '*':
				stars++
			case c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '_' || c == '-':
			default:
				stars = 99
			}
		}
		if len(f) == 0 || len(f) > 128 || stars == 99 {
			return invalid("imageTagMutabilityExclusionFilters", "must satisfy regular expression '^[0-9a-zA-Z._*-]{1,128}$'")
		}
		if stars > 2 {
			return fault.New(fault.InvalidParameter, "Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: 'A filter can hold at most 2 wildcards: %s'", f)
		}
	}
	return nil
}
