// Package sigv4 verifies AWS Signature Version 4 on incoming requests, in the Authorization header or as a presigned query (API-12..22, H60-H69).
//
// The order of the checks is that of API-22, and the caller takes part in it:
//
//	sig, err := sigv4.Parse(r)                                // credentials present, header parses
//	err = sig.CheckScope(servedRegion, "ecr", now)            // scope, then date
//	secret := lookUp(sig.AccessKeyID, sig.SecurityToken)      // "" when unknown
//	err = sig.Verify(r, keys, secret, sha256.Sum256(body))    // does the same work for "" and fails
//
// A caller that does not know the key answers UnknownCredentials after Verify, whatever Verify said, so that known and unknown keys take equally long (H68).
//
// The package has no clock: now is a parameter. Faults: MissingCredentials, MalformedSignature, SignatureMismatch.
package sigv4

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/berth-registry/berth/fault"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	timeFormat = "20060102T150405Z"

	// window is how far the clock of a client may be off (API-20).
	window = 5 * time.Minute
	// maxExpires is the longest life of a presigned query (API-12).
	maxExpires = 604800 * time.Second
	// defaultExpires is the life of a presigned query without X-Amz-Expires: the SDKs presign STS calls without it.
	defaultExpires = 15 * time.Minute
	// maxSignedHeaders bounds the work that one request can ask for.
	maxSignedHeaders = 128
)

// mismatch is API-18's text.
const mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. " +
	"Consult the service documentation for details."

// Signature is what a request says about who signed it. Nothing in it is proved before Verify.
type Signature struct {
	// AccessKeyID, Date (yyyymmdd), Region and Service are the parts of the credential's scope.
	AccessKeyID, Date, Region, Service string
	// SecurityToken is the session token that came with the request, "" if none did (API-14).
	SecurityToken string
	// SignedHeaders are the names that the signature covers: lower-case, sorted, each once.
	SignedHeaders []string
	// Time is when the request was signed, to the second.
	Time time.Time
	// Expires is how long after Time a presigned query is good; 0 for the Authorization header.
	Expires time.Duration
	// Presigned tells a presigned query from an Authorization header.
	Presigned bool

	names     string // SignedHeaders as they were sent, for the canonical request
	date      string // Time as the string to sign has it
	signature string // lower-case hex, as sent
}

// Parse reads the signature of r, from its Authorization header or its query (API-12). Faults: MissingCredentials when there is neither (API-16); MalformedSignature
// when it cannot be read, naming what is missing (API-17), or when two signatures or another algorithm are there, so that never "the first good one wins" (H62);
// SignatureMismatch for a presigned life outside of 1..604800 seconds (H66).
func Parse(r *http.Request) (*Signature, error) {
	headers := r.Header["Authorization"]
	var query url.Values
	if r.URL.RawQuery != "" {
		var err error
		if query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
			return nil, malformed("The query string cannot be read.")
		}
	}
	presigned := query.Has("X-Amz-Signature") || query.Has("X-Amz-Algorithm") || query.Has("X-Amz-Credential")
	switch {
	case len(headers) > 1:
		return nil, malformed("Only one Authorization header is allowed.")
	case len(headers) == 1 && presigned:
		return nil, malformed("Only one auth mechanism is allowed: either the Authorization header or the X-Amz-Signature query parameter.")
	case len(headers) == 1:
		return parseHeader(r, headers[0])
	case presigned:
		return parseQuery(r, query)
	case query.Has("AWSAccessKeyId"):
		return nil, malformed("Signature version 2 is not supported, use %s.", algorithm)
	}
	return nil, fault.New(fault.MissingCredentials, "Missing Authentication Token")
}

func parseHeader(r *http.Request, header string) (*Signature, error) {
	scheme, rest, _ := strings.Cut(header, " ")
	if scheme != algorithm {
		return nil, malformed("Unsupported authorization scheme, use %s.", algorithm)
	}
	var credential, names, signature string
	for rest != "" {
		var field string
		field, rest, _ = strings.Cut(rest, ",")
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		var into *string
		switch name {
		case "Credential":
			into = &credential
		case "SignedHeaders":
			into = &names
		case "Signature":
			into = &signature
		default:
			return nil, malformed("'%s' is not a valid key=value pair in Authorization header.", clip(name))
		}
		if *into != "" {
			return nil, malformed("Authorization header has '%s' twice.", name)
		}
		*into = value
	}
	date, token := r.Header["X-Amz-Date"], r.Header["X-Amz-Security-Token"]
	if len(date) > 1 || len(token) > 1 {
		return nil, malformed("X-Amz-Date and X-Amz-Security-Token are allowed only once.")
	}
	var missing []string
	for _, f := range [...]struct{ name, value string }{{"Credential", credential}, {"Signature", signature}, {"SignedHeaders", names}} {
		if f.value == "" {
			missing = append(missing, "Authorization header requires '"+f.name+"' parameter.")
		}
	}
	if len(date) == 0 && len(r.Header["Date"]) == 0 {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if missing != nil {
		return nil, malformed("%s", strings.Join(missing, " "))
	}
	s := &Signature{names: names, signature: signature}
	if len(token) == 1 {
		s.SecurityToken = token[0]
	}
	if len(date) == 1 {
		s.date = date[0]
	} else { // X-Amz-Date wins (H64); Date may be in either form
		s.date = r.Header["Date"][0]
		if t, err := http.ParseTime(s.date); err == nil {
			s.date = t.UTC().Format(timeFormat)
		}
	}
	return s, s.complete(credential)
}

func parseQuery(r *http.Request, query url.Values) (*Signature, error) {
	var missing []string
	one := func(name string, required bool) string {
		switch values := query[name]; {
		case len(values) == 1 && values[0] != "":
			return values[0]
		case len(values) > 1:
			missing = append(missing, "AWS query-string parameters must include '"+name+"' once.")
		case required:
			missing = append(missing, "AWS query-string parameters must include '"+name+"'.")
		}
		return ""
	}
	scheme, credential := one("X-Amz-Algorithm", true), one("X-Amz-Credential", true)
	s := &Signature{
		Presigned: true, signature: one("X-Amz-Signature", true), names: one("X-Amz-SignedHeaders", true), date: one("X-Amz-Date", true),
		SecurityToken: one("X-Amz-Security-Token", false), Expires: defaultExpires,
	}
	life := one("X-Amz-Expires", false)
	if missing != nil {
		return nil, malformed("%s Re-examine the query-string parameters.", strings.Join(missing, " "))
	}
	if scheme != algorithm {
		return nil, malformed("X-Amz-Algorithm only supports %q.", algorithm)
	}
	if len(r.Header["X-Amz-Security-Token"]) > 0 {
		return nil, malformed("X-Amz-Security-Token is allowed only in the query of a presigned request.")
	}
	if query.Has("X-Amz-Expires") {
		seconds, err := strconv.ParseInt(life, 10, 64)
		if err != nil {
			return nil, malformed("X-Amz-Expires should be a number.")
		}
		if seconds < 1 || seconds > int64(maxExpires/time.Second) {
			return nil, fault.New(fault.SignatureMismatch, "X-Amz-Expires must be between 1 and %d seconds.", maxExpires/time.Second)
		}
		s.Expires = time.Duration(seconds) * time.Second
	}
	return s, s.complete(credential)
}

// complete reads credential, date and names into s.
func (s *Signature) complete(credential string) error {
	if strings.Count(credential, "/") != 4 {
		return malformed("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'.", clip(credential))
	}
	var term string
	s.AccessKeyID, credential, _ = strings.Cut(credential, "/")
	s.Date, credential, _ = strings.Cut(credential, "/")
	s.Region, credential, _ = strings.Cut(credential, "/")
	s.Service, term, _ = strings.Cut(credential, "/")
	if s.AccessKeyID == "" {
		return malformed("Credential must have an access key id.")
	}
	if term != terminator {
		return fault.New(fault.SignatureMismatch, "Credential should be scoped with a valid terminator: '%s', not '%s'.", terminator, clip(term))
	}
	var err error
	if s.Time, err = time.Parse(timeFormat, s.date); err != nil || len(s.date) != len(timeFormat) { // Parse takes fractions too
		return malformed("Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", clip(s.date))
	}
	n := strings.Count(s.names, ";") + 1
	if n > maxSignedHeaders {
		return malformed("SignedHeaders names more than %d headers.", maxSignedHeaders)
	}
	s.SignedHeaders = make([]string, 0, n)
	for name := range strings.SplitSeq(s.names, ";") {
		// The canonical request has them sorted; an order of the client's own would make two canonical requests of one.
		if !isHeaderName(name) || len(s.SignedHeaders) > 0 && name <= s.SignedHeaders[len(s.SignedHeaders)-1] {
			return malformed("SignedHeaders must be lower-case header names, sorted and separated by ';'.")
		}
		s.SignedHeaders = append(s.SignedHeaders, name)
	}
	return nil
}

// isHeaderName reports whether s is a lower-case HTTP token (RFC 9110, section 5.6.2).
func isHeaderName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// CheckScope compares the scope with what this endpoint serves (API-19) and the time with the clock (API-20): five minutes either way, or the life of a presigned query.
// region says whether a region is served here. Faults: SignatureMismatch with the texts of API-19 and API-20; scope errors win over date errors (API-22).
func (s *Signature) CheckScope(region func(string) bool, service string, now time.Time) error {
	var scope string
	if !region(s.Region) {
		scope = "Credential should be scoped to a valid region. "
	}
	if s.Service != service {
		scope += "Credential should be scoped to correct service: '" + service + "'. "
	}
	if scope != "" {
		return &fault.Error{Code: fault.SignatureMismatch, Message: scope}
	}
	if s.Date != s.date[:8] {
		return fault.New(fault.SignatureMismatch, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			clip(s.Date), s.date[:8], s.date)
	}
	now = now.UTC().Truncate(time.Second)
	past := window
	if s.Presigned {
		past = s.Expires
	}
	if earliest := now.Add(-past); s.Time.Before(earliest) {
		return fault.New(fault.SignatureMismatch, "Signature expired: %s is now earlier than %s (%s - %s)",
			s.date, earliest.Format(timeFormat), now.Format(timeFormat), span(past))
	}
	if latest := now.Add(window); s.Time.After(latest) {
		return fault.New(fault.SignatureMismatch, "Signature not yet current: %s is still later than %s (%s + %s)",
			s.date, latest.Format(timeFormat), now.Format(timeFormat), span(window))
	}
	return nil
}

// span words a duration as API-20 does.
func span(d time.Duration) string {
	if d%time.Minute == 0 {
		return strconv.Itoa(int(d/time.Minute)) + " min."
	}
	return strconv.Itoa(int(d/time.Second)) + " sec."
}

func malformed(format string, args ...any) error {
	return fault.New(fault.MalformedSignature, "%s", fmt.Sprintf(format, args...))
}

// clip keeps what a client sent short enough to be said back to it.
func clip(s string) string {
	if len(s) > 128 {
		return strings.ToValidUTF8(s[:128], "") + "…"
	}
	return s
}
