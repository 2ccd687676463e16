package sigv4

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/berth-registry/berth/fault"
)

// mutate draws a change of one byte: another letter or digit in its place, one more, or one less. Space is never taken away or put in, because
// headers and the Authorization fields mean the same with more or less of it.
func mutate(t *rapid.T, s string) string {
	b, c := []byte(s), rapid.SampledFrom([]byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")).Draw(t, "byte")
	i := rapid.IntRange(0, len(b)).Draw(t, "position")
	switch kind := rapid.IntRange(0, 2).Draw(t, "kind"); {
	case i == len(b) || kind == 0:
		return string(slices.Insert(b, i, c))
	case kind == 1 && b[i] != ' ':
		return string(slices.Delete(b, i, i+1))
	case b[i] == c:
		b[i] = '.'
		return string(b)
	}
	b[i] = c
	return string(b)
}

// H60: no byte of what is signed can be changed: method, path, query, signed headers, body, and every part of the signature itself.
func TestEveryByteIsSigned(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("abzAZ019 /+~%=&;é日-._")), 0, 12, -1)
	rapid.Check(t, func(t *rapid.T) {
		query := url.Values{}
		for range rapid.IntRange(0, 3).Draw(t, "pairs") {
			query.Add(text.Draw(t, "name"), text.Draw(t, "value"))
		}
		c := call{
			method: rapid.SampledFrom([]string{"GET", "POST", "PUT"}).Draw(t, "method"), presign: rapid.Bool().Draw(t, "presign"),
			body: text.Draw(t, "body"), token: rapid.SampledFrom([]string{"", "IQoJb3JpZ2luX2VjE/+="}).Draw(t, "token"),
			header: http.Header{"X-Amz-Target": {"Service.Operation"}, "Content-Type": {"application/x-amz-json-1.1"}, "Range": {"bytes=0-9"}},
		}
		if c.presign { // the signer moves what it can into the query
			delete(c.header, "X-Amz-Target")
			query.Set("X-Amz-Expires", "900")
		}
		c.target = (&url.URL{Path: "/" + text.Draw(t, "path"), RawQuery: query.Encode()}).String()
		r, body := c.send(t), c.body
		if err := verify(r, body, secret); err != nil {
			t.Fatalf("before the mutation: %v", err)
		}
		signed, err := Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		switch rapid.SampledFrom([]string{"method", "path", "query", "header", "host", "body", "secret"}).Draw(t, "what") {
		case "method":
			r.Method = mutate(t, r.Method)
		case "path":
			r.URL.Path, r.URL.RawPath = "/"+mutate(t, r.URL.Path[1:]), ""
		case "query":
			values := r.URL.Query()
			if len(values) == 0 {
				values.Set("more", "")
			} else {
				names := make([]string, 0, len(values))
				for name := range values {
					names = append(names, name)
				}
				slices.Sort(names)
				name := rapid.SampledFrom(names).Draw(t, "parameter")
				i := rapid.IntRange(0, len(values[name])-1).Draw(t, "which")
				if rapid.Bool().Draw(t, "its name") {
					value := values[name][i]
					values[name] = slices.Delete(values[name], i, i+1)
					values.Add(mutate(t, name), value)
				} else {
					values[name][i] = mutate(t, values[name][i])
				}
			}
			r.URL.RawQuery = values.Encode()
		case "header":
			var names []string
			for name := range r.Header {
				if name == "Authorization" || signed.covers(name) {
					names = append(names, name)
				}
			}
			if names == nil {
				return
			}
			slices.Sort(names)
			name := rapid.SampledFrom(names).Draw(t, "header")
			r.Header[name] = []string{mutate(t, r.Header[name][0])}
		case "host":
			r.Host = mutate(t, r.Host)
		case "body":
			body = mutate(t, body)
		case "secret":
			if err := verify(r, body, mutate(t, secret)); !fault.Is(err, fault.SignatureMismatch) {
				t.Fatalf("another secret: %v", err)
			}
			return
		}
		if err := verify(r, body, secret); !fault.Is(err, fault.SignatureMismatch) && !fault.Is(err, fault.MalformedSignature) && !fault.Is(err, fault.MissingCredentials) {
			t.Fatalf("after the mutation: %v\n%s %s %v", err, r.Method, r.URL, r.Header)
		}
	})
}

// FuzzParse: no input makes the parser panic, and what it takes is well-formed.
func FuzzParse(f *testing.F) {
	for _, c := range corpus() {
		r := c.send(f)
		f.Add(r.Header.Get("Authorization"), r.Header.Get("X-Amz-Date"), r.URL.RawQuery)
	}
	f.Fuzz(func(t *testing.T, authorization, date, query string) {
		r := &http.Request{Method: "GET", Host: "h", URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{"X-Amz-Date": {date}}}
		if authorization != "" {
			r.Header["Authorization"] = []string{authorization}
		}
		s, err := Parse(r)
		if err != nil {
			if f := fault.As(err); f == nil || f.Message == "" {
				t.Fatalf("not a fault: %v", err)
			}
			return
		}
		if s.AccessKeyID == "" || !slices.IsSorted(s.SignedHeaders) || s.Presigned != (s.Expires > 0) {
			t.Fatalf("%+v", s)
		}
		if err := s.CheckScope(everyRegion, s.Service, s.Time); err == nil && s.Verify(r, NewKeys(2), secret, sha256.Sum256(nil)) == nil {
			t.Fatal("a forged signature verified")
		}
	})
}
