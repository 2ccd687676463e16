package distribution

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/berth-registry/berth/fault"
)

// kind is what a path names.
type kind uint8

const (
	base      kind = iota // /v2/
	catalog               // /v2/_catalog
	tags                  // /v2/<name>/tags/list
	manifest              // /v2/<name>/manifests/<reference>
	referrers             // /v2/<name>/referrers/<digest>
	blob                  // /v2/<name>/blobs/<digest>
	uploads               // /v2/<name>/blobs/uploads/
	upload                // /v2/<name>/blobs/uploads/<id>
	kinds                 // how many there are
)

// String is the path of the kind after "/v2/".
func (k kind) String() string {
	switch k {
	case catalog:
		return "_catalog"
	case tags:
		return "{name}/tags/list"
	case manifest:
		return "{name}/manifests/{reference}"
	case referrers:
		return "{name}/referrers/{digest}"
	case blob:
		return "{name}/blobs/{digest}"
	case uploads:
		return "{name}/blobs/uploads/"
	case upload:
		return "{name}/blobs/uploads/{id}"
	}
	return ""
}

// request is a path, taken apart. Neither part is checked: name goes to registry.Open and last to the parser of its kind.
type request struct {
	kind kind
	name string // of the repository
	last string // tag or digest, or the upload's id
}

// parse takes apart a path, decoded, after "/v2/". Only its last segments decide, so that a repository may be called "blobs/uploads". One trailing
// slash is accepted everywhere (HTTP-32). Its faults are for paths that name nothing.
func parse(path string) (request, error) {
	trimmed := strings.TrimSuffix(path, "/")
	switch trimmed {
	case "":
		if path == "" {
			return request{kind: base}, nil
		}
		return request{}, stray(path)
	case "_catalog":
		return request{kind: catalog}, nil
	}
	rest, last := cutLast(trimmed)
	name, middle := cutLast(rest)
	switch middle {
	case "manifests":
		return request{manifest, name, last}, nil
	case "referrers":
		return request{referrers, name, last}, nil
	case "tags":
		if last == "list" {
			return request{tags, name, ""}, nil
		}
	case "blobs":
		if last == "uploads" {
			return request{uploads, name, ""}, nil
		}
		return request{blob, name, last}, nil
	case "uploads":
		if repository, blobs := cutLast(name); blobs == "blobs" {
			return request{upload, repository, last}, nil
		}
	}
	return request{}, stray(path)
}

// cutLast splits at the last slash; without one everything is last.
func cutLast(path string) (rest, last string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// stray says what is wrong with a path that names nothing: often it would, were it not for a slash where a tag, digest or id has to be (H04, H05, H25).
func stray(path string) error {
	switch {
	case strings.Contains(path, "/blobs/uploads/"):
		return uploadUnknown()
	case strings.Contains(path, "/manifests/"):
		return fault.New(fault.TagInvalid, "Invalid image tag: it must not be empty or hold a slash")
	case strings.Contains(path, "/blobs/"), strings.Contains(path, "/referrers/"):
		return fault.New(fault.DigestInvalid, "Invalid digest: it must be 'sha256:' and 64 lower-case hexadecimal digits")
	case strings.HasPrefix(path, "/"), strings.Contains(path, "//"), strings.Contains(path, ".."), strings.ContainsAny(path, "\\\x00"):
		return fault.New(fault.NameInvalid, "Invalid repository name")
	}
	return fault.New(fault.UnknownOperation, "The path names nothing that a registry has")
}

func uploadUnknown() error {
	return fault.New(fault.UploadNotFound, "The upload does not exist")
}

func hasEncodedSlash(path string) bool {
	return strings.Contains(path, "%2f") || strings.Contains(path, "%2F") || strings.Contains(path, "%5c") || strings.Contains(path, "%5C")
}

// query is the request's query. A parameter that berth reads must not stand there twice: a proxy in front may have decided by the other one (H19).
func (x *exchange) query() (url.Values, error) {
	if x.r.URL.RawQuery == "" {
		return nil, nil
	}
	q, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return nil, fault.Wrap(err, fault.InvalidParameter, "Invalid query")
	}
	for _, name := range [...]string{"digest", "mount", "from", "n", "last"} {
		if len(q[name]) > 1 {
			code := fault.InvalidParameter
			if name == "digest" || name == "mount" {
				code = fault.DigestInvalid
			}
			return nil, fault.New(code, "Invalid parameter at '%s' failed to satisfy constraint: 'must not be given twice'", name)
		}
	}
	return q, nil
}

const (
	defaultPage = 100
	maxPage     = 1000
)

// page reads n and last of a list (HTTP-26, HTTP-27, H12, H13).
func page(q url.Values) (limit int, after string, err error) {
	limit = defaultPage
	if q.Has("n") {
		n, err := strconv.ParseUint(q.Get("n"), 10, 64)
		switch {
		case err != nil && !isRangeError(err):
			return 0, "", fault.New(fault.InvalidParameter,
				"Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must be a whole number'")
		case err != nil || n > maxPage:
			return 0, "", fault.New(fault.InvalidParameter,
				"Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to %d'", maxPage)
		}
		limit = int(n)
	}
	return limit, cursor(q.Get("last")), nil
}

func isRangeError(err error) bool {
	n, ok := err.(*strconv.NumError)
	return ok && n.Err == strconv.ErrRange
}

// cursor makes of what a client gave as the last name a text that has the same place in the order of names, and that every database can compare: names
// hold only ASCII between '!' and '~', so what comes at and after another byte is replaced by nothing, if it sorts below, or by '~'.
func cursor(last string) string {
	for i := 0; i < len(last); i++ {
		switch c := last[i]; {
		case c <= ' ':
			return last[:i]
		case c >= '~':
			return last[:i] + "~"
		}
	}
	return last
}

// isText reports whether s can be compared with stored text.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// next adds the Link to the following page, relative to the host and percent-encoded (H13).
func (x *exchange) next(path string, q url.Values) {
	x.w.Header()["Link"] = []string{"<" + path + "?" + q.Encode() + `>; rel="next"`}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
