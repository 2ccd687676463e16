package front_test

import (
	"io"
	"strings"
	"testing"
)

// H11, H15, H16, RFC 9112: requests whose end or whose destination two programs could see differently. Where that may be, the connection ends with the answer, so that what follows is nobody's request: each is
// followed by another one here, which must be answered only where no doubt is left.
func TestFraming(t *testing.T) {
	s := start(t)
	for name, c := range map[string]struct {
		request string
		status  int
		goesOn  bool // the next request is answered
	}{
		"nothing wrong":                    {"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n", 401, true},
		"a folded header":                  {"GET /v2/ HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", 401, true},
		"a folded length":                  {"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n 5\r\n\r\nhello", 401, true},
		"a folded coding":                  {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 401, false},
		"lines that end with LF":           {"GET /v2/ HTTP/1.1\nHost: x\n\n", 401, true},
		"a header after CR CR LF":          {"GET /v2/ HTTP/1.1\r\nHost: x\r\r\n\r\n", 400, false},
		"another host in the target":       {"GET http://evil.example/v2/ HTTP/1.1\r\nHost: x\r\n\r\n", 401, true},
		"a host with a user in the target": {"GET http://x@evil.example/v2/ HTTP/1.1\r\nHost: x\r\n\r\n", 401, true},
		"a target of another scheme":       {"GET ftp://x/v2/ HTTP/1.1\r\nHost: x\r\n\r\n", 401, true},
		"a target without a slash":         {"GET v2/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, false},
		"CONNECT":                          {"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 405, false},
		"CONNECT with a path":              {"CONNECT /v2/ HTTP/1.1\r\nHost: x\r\n\r\n", 405, false},
		"OPTIONS *":                        {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 200, true},
		"the same length twice":            {"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 401, true},
		"two hosts that are the same":      {"GET /v2/ HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400, false},
		"an empty length":                  {"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n", 400, false},
		"a hexadecimal length":             {"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello", 400, false},
		"a length with a line":             {"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1_0\r\n\r\nhello", 400, false},
		"chunks and a length":              {"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 401, false},
		"chunks in another case":           {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n", 401, false},
		"chunks twice":                     {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501, false},
		"chunks in quotes":                 {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 501, false},
		"chunks after a tab":               {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n", 401, false},
		"chunks with a parameter":          {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 501, false},
		"identity":                         {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello", 501, false},
		"no coding":                        {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello", 501, false},
		"a coding with a space":            {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, false},
		"a coding with an underscore":      {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello", 401, true},
		"chunks of HTTP/1.0":               {"POST /v2/ HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 401, false},
		"a chunk that ends with LF":        {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", 401, false},
		"a chunk with a long extension":    {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 10_000) + "\r\nx\r\n0\r\n\r\n", 401, false},
		"a chunk of a negative size":       {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n", 401, false},
		"a trailer that is a length":       {"POST /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\nContent-Length: 5\r\n\r\n", 400, false},
		"a body of GET":                    {"GET /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 401, true},
	} {
		t.Run(name, func(t *testing.T) {
			conn, in := dial(t, s.Host)
			write(t, conn, c.request+"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			method, _, _ := strings.Cut(c.request, " ")
			answer, body := readAnswer(t, in, method)
			rest, _ := io.ReadAll(in)
			if answer.StatusCode != c.status {
				t.Errorf("%d %s, want %d", answer.StatusCode, body, c.status)
			}
			if goesOn := strings.HasPrefix(string(rest), "HTTP/1.1 404"); goesOn != c.goesOn || !goesOn && len(rest) > 0 {
				t.Errorf("the next one is answered: %t; %s", goesOn, rest)
			}
		})
	}
}
