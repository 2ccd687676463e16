package fault_test

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

var hostileFor = flag.Duration("hostile", 3*time.Second, "for how long hostile requests are sent")

// intruder is one client that sends what nobody should.
type intruder struct {
	*berth
	random *rand.Rand
	api    *ecr.Client
	image  *image // one that is there
	held   []net.Conn
}

// hostileCase is a request of which the spec says the answer. It is one of several statuses where that depends on what else is going on, or on how much of it is read.
type hostileCase struct {
	id   string
	send func(i *intruder) (status int, err error)
	want []int
}

// open connects; what is asked there has its answer within the time in which nobody but a slow client waits for one.
func (i *intruder) open() (net.Conn, *bufio.Reader, error) {
	c, err := net.Dial("tcp", i.addr)
	if err != nil {
		return nil, nil, err
	}
	return c, bufio.NewReader(c), c.SetDeadline(time.Now().Add(30 * time.Second))
}

// wire sends bytes over a connection of their own, and answers the status of the first answer.
func (i *intruder) wire(format string, args ...any) (int, error) {
	c, in, err := i.open()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\r\n")
	method, _, _ := strings.Cut(text, " ")
	go io.WriteString(c, text) //nolint:errcheck // it may be answered, and the connection closed, before all of it is read
	a, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		return 0, err
	}
	defer a.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(a.Body, 1<<20))
	return a.StatusCode, err
}

// signed is wire with the credentials of the owner.
func (i *intruder) signed(line, headers, body string) (int, error) {
	if body != "" {
		headers += fmt.Sprintf("Content-Length: %d\n", len(body))
	}
	return i.wire("%s HTTP/1.1\nHost: x\nConnection: close\nAuthorization: %s\n%s\n%s", line, i.auth, headers, body)
}

// line makes a case of one request of the owner.
func line(id, request string, want ...int) hostileCase {
	return hostileCase{id, func(i *intruder) (int, error) { return i.signed(i.fill(request), "", "") }, want}
}

// fill names the repository and a layer that is there.
func (i *intruder) fill(text string) string {
	return strings.NewReplacer("{repo}", i.path(""), "{account}", "/v2/"+account+"/"+region, "{layer}", i.image.layer()).Replace(text)
}

// upload begins an upload, does something with its address, and gives it up.
func upload(id string, do func(i *intruder, at string) (int, error), want ...int) hostileCase {
	return hostileCase{id, func(i *intruder) (int, error) {
		status, header, body, err := i.ask("POST", i.path("/blobs/uploads/"), nil, "")
		if err != nil || status != 202 {
			return status, errors.Join(fmt.Errorf("begin an upload: %d %s", status, body), err)
		}
		to, err := url.Parse(header.Get("Location"))
		if err != nil {
			return 0, err
		}
		status, err = do(i, to.Path)
		for until := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
			gone, _, body, ended := i.ask("DELETE", to.Path, nil, "")
			if gone == 409 && time.Now().Before(until) { // the server has not noticed yet that a client has gone
				continue
			}
			if ended != nil || gone != 204 && gone != 404 {
				return status, errors.Join(fmt.Errorf("give an upload up: %d %s", gone, body), ended)
			}
			return status, err
		}
	}, want}
}

func (i *intruder) patch(at, span, body string) (int, error) {
	return i.signed("PATCH "+at, "Content-Type: application/octet-stream\nContent-Range: "+span+"\n", body)
}

const noDigest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

// hostileCases are H01 to H34.
func hostileCases() []hostileCase {
	none := func(request string) func(*intruder) (int, error) {
		return func(i *intruder) (int, error) { return i.wire("%s", i.fill(request)) }
	}
	manifest := func(tag string) func(*intruder) (int, error) {
		return func(i *intruder) (int, error) {
			return i.signed("PUT "+i.path("/manifests/%s", tag), "Content-Type: "+imageManifest+"\n", string(i.image.manifest))
		}
	}
	span := func(id, span string, want ...int) hostileCase {
		return hostileCase{id, func(i *intruder) (int, error) {
			return i.signed("GET "+i.fill("{repo}/blobs/{layer}"), "Range: "+span+"\n", "")
		}, want}
	}
	all := []hostileCase{
		{"H01", none("GET /v2/ HTTP/1.1\nHost: x\n\n"), []int{401}},
		line("H02", "GET {account}/A/b/tags/list", 400),
		line("H03", "GET {account}/a/../app/tags/list", 400), line("H03", "GET {account}/a/%2e%2e/app/tags/list", 400), line("H03", "GET {account}//app/tags/list", 400),
		line("H03", "GET {account}/a%00b/tags/list", 400), line("H03", "GET {account}/"+strings.Repeat("a", 257)+"/tags/list", 400),
		{"H04", manifest(strings.Repeat("a", 129)), []int{400}}, {"H04", manifest("..%2f..%2fx"), []int{400}}, {"H04", manifest("-x"), []int{400}},
		line("H05", "GET {repo}/blobs/sha256:../../etc/passwd", 400), line("H05", "GET {repo}/blobs/sha256:"+strings.Repeat("A", 64), 400), line("H05", "GET {repo}/blobs/md5:00", 400),
		{"H06", func(i *intruder) (int, error) {
			return i.signed("POST "+i.path("/blobs/uploads/?digest=sha512:%s", strings.Repeat("a", 128)), "", "x")
		}, []int{400}},
		span("H07", "bytes=0-9", 206), span("H07", "bytes=-10", 206), span("H08", "bytes=99999999-", 416), span("H08", "bytes=9-2", 416, 200), span("H08", "bytes=0-99999999999999999999", 416, 206, 200),
		span("H09", "bytes="+strings.Repeat("0-9,", 4000)+"0-9", 416, 200),
		line("H10", "HEAD {repo}/blobs/{layer}", 200), line("H11", "TRACE /v2/", 405), {"H11", none("CONNECT x:443 HTTP/1.1\nHost: x:443\n\n"), []int{405}},
		line("H12", "GET {account}/_catalog?n=1000000000", 400, 200), line("H12", "GET {account}/_catalog?n=-1", 400), line("H12", "GET {account}/_catalog?n=99999999999999999999", 400, 200),
		line("H13", "GET {repo}/tags/list?n=0", 200, 400), line("H13", "GET {repo}/tags/list?n=1&last=%0d%0aX:%20y", 200, 400),
		{"H14", none("GET /v2/ HTTP/1.1\nHost: x\nX: " + strings.Repeat("x", 64<<10) + "\n\n"), []int{431}},
		{"H14", none("GET /v2/ HTTP/1.1\nHost: x\n" + strings.Repeat("X: y\n", 10_000) + "\n"), []int{431}},
		{"H14", (*intruder).slowly, []int{0}},
		{"H15", none("POST /v2/ HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\nContent-Length: 60\n\n0\n\nGET /nothing HTTP/1.1\nHost: x\n\n"), []int{400, 401}},
		{"H15", none("POST /v2/ HTTP/1.1\nHost: x\nTransfer-Encoding: xchunked\n\n"), []int{501}}, {"H15", none("POST /v2/ HTTP/1.1\nHost: x\nContent-Length: +5\n\nhello"), []int{400}},
		{"H16", func(i *intruder) (int, error) {
			return i.wire("GET %s HTTP/1.1\nHost: evil.example\nX-Forwarded-Host: evil.example\nAuthorization: %s\n\n", i.path("/tags/list"), i.auth)
		}, []int{200}},
		{"H17", none("GET {repo}/blobs/{layer} HTTP/1.1\nHost: x\n\n"), []int{401}}, {"H17", none("GET {account}/none/blobs/{layer} HTTP/1.1\nHost: x\nAuthorization: Basic QVdTOng=\n\n"), []int{401}},
		{"H18", func(i *intruder) (int, error) {
			return i.signed("POST "+i.path("/blobs/uploads/?digest=%s", noDigest), "", "x")
		}, []int{400}},
		upload("H19", func(i *intruder, at string) (int, error) { return i.signed("PUT "+at, "", "x") }, 400),
		upload("H19", func(i *intruder, at string) (int, error) {
			return i.signed("PUT "+at+"?digest="+noDigest+"&digest="+i.image.layer(), "", "x")
		}, 400),
		upload("H20", func(i *intruder, at string) (int, error) {
			if status, err := i.patch(at, "0-9", "0123456789"); status != 202 || err != nil {
				return status, err
			}
			return i.patch(at, "20-29", "0123456789")
		}, 416),
		upload("H21", func(i *intruder, at string) (int, error) { return i.patch(at, "0-99", "0123456789") }, 400, 416), upload("H21", func(i *intruder, at string) (int, error) { return i.patch(at, "nonsense", "x") }, 400, 416),
		upload("H22", (*intruder).break_, 0), upload("H23", (*intruder).both, 202), {"H24", (*intruder).together, []int{201}},
		line("H25", "GET {repo}/blobs/uploads/00000000-0000-4000-8000-000000000000", 404), line("H25", "DELETE {repo}/blobs/uploads/..%2f"+account, 404),
		upload("H26", func(i *intruder, at string) (int, error) {
			last := "0"
			if strings.HasSuffix(at, "0") {
				last = "1"
			}
			return i.signed("PATCH "+at[:len(at)-1]+last, "", "x")
		}, 404),
		{"H27", (*intruder).part, []int{400}}, {"H28", (*intruder).empty, []int{400}}, upload("H29", func(*intruder, string) (int, error) { return 0, nil }, 0),
		{"H30", func(i *intruder) (int, error) { return i.mount("none/" + strconv.Itoa(i.random.IntN(9))) }, []int{202}}, {"H31", func(i *intruder) (int, error) { return i.mount("other") }, []int{202}},
		line("H32", "HEAD {account}/other/blobs/{layer}", 404), line("H33", "DELETE {repo}/blobs/{layer}", 405),
		{"H34", none("POST {repo}/blobs/uploads/?digest={layer} HTTP/1.1\nHost: x\nAuthorization: Basic QVdTOng=\nExpect: 100-continue\nContent-Length: 10737418240\n\n"), []int{401}},
	}
	return all
}

// slowly leaves a connection behind whose header never ends.
func (i *intruder) slowly() (int, error) {
	c, _, err := i.open()
	if err != nil {
		return 0, err
	}
	if i.held = append(i.held, c); len(i.held) > 20 {
		i.held[0].Close()
		i.held = i.held[1:]
	}
	_, err = io.WriteString(c, "GET /v2/ HTTP/1.1\r\nHost: x\r\nX-")
	return 0, err
}

// break_ resets the connection in the middle of a body.
func (i *intruder) break_(at string) (int, error) {
	c, _, err := i.open()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	fmt.Fprintf(c, "PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 100000\r\n\r\n%s", at, i.auth, strings.Repeat("x", 50_000))
	return 0, c.(*net.TCPConn).SetLinger(0)
}

// both sends the same piece of an upload twice at once: one of them is taken.
func (i *intruder) both(at string) (int, error) {
	var statuses [2]int
	var all sync.WaitGroup
	for n := range statuses {
		all.Go(func() { statuses[n], _ = i.patch(at, "0-9", "0123456789") })
	}
	all.Wait()
	if statuses[0] == 202 == (statuses[1] == 202) {
		return 0, fmt.Errorf("two pieces at once: %v", statuses)
	}
	return 202, nil
}

// together pushes one layer four times at once.
func (i *intruder) together() (int, error) {
	content := fmt.Appendf(nil, "%x", i.random.Uint64())
	results := make(chan int, 4)
	for range cap(results) {
		go func() {
			status, _ := i.signed("POST "+i.path("/blobs/uploads/?digest=%s", digest(content)), "Content-Type: application/octet-stream\n", string(content))
			results <- status
		}()
	}
	worst := 0
	for range cap(results) {
		worst = max(worst, <-results)
	}
	return worst, nil
}

func (i *intruder) mount(from string) (int, error) {
	status, header, body, err := i.ask("POST", "/v2/"+account+"/"+region+"/other/blobs/uploads/?mount="+i.image.layer()+"&from="+from, nil, "")
	if err != nil || status != 202 {
		return status, errors.Join(fmt.Errorf("mount: %s", body), err)
	}
	to, err := url.Parse(header.Get("Location"))
	if err == nil {
		_, _, _, err = i.ask("DELETE", to.Path, nil, "")
	}
	return status, err
}

// refused is the status of an error of the API that has a name.
func refused(err error, name string) (int, error) {
	if err != nil && strings.Contains(err.Error(), name) {
		return 400, nil
	}
	return 0, fmt.Errorf("no %s but %w", name, err)
}

func (i *intruder) part() (int, error) {
	ctx := i.t.Context()
	made, err := i.api.InitiateLayerUpload(ctx, &ecr.InitiateLayerUploadInput{RepositoryName: aws.String(repository)})
	if err != nil {
		return 0, err
	}
	_, err = i.api.UploadLayerPart(ctx, &ecr.UploadLayerPartInput{RepositoryName: aws.String(repository), UploadId: made.UploadId, PartFirstByte: aws.Int64(5), PartLastByte: aws.Int64(9), LayerPartBlob: []byte("hello")})
	status, err := refused(err, "InvalidLayerPartException")
	_, _, _, ended := i.ask("DELETE", i.path("/blobs/uploads/%s", *made.UploadId), nil, "")
	return status, errors.Join(err, ended)
}

func (i *intruder) empty() (int, error) {
	ctx := i.t.Context()
	made, err := i.api.InitiateLayerUpload(ctx, &ecr.InitiateLayerUploadInput{RepositoryName: aws.String(repository)})
	if err != nil {
		return 0, err
	}
	_, err = i.api.CompleteLayerUpload(ctx, &ecr.CompleteLayerUploadInput{RepositoryName: aws.String(repository), UploadId: made.UploadId, LayerDigests: []string{noDigest}})
	status, err := refused(err, "EmptyUploadException")
	_, _, _, ended := i.ask("DELETE", i.path("/blobs/uploads/%s", *made.UploadId), nil, "")
	return status, errors.Join(err, ended)
}

// H01-H34 at load: what is no good is sent again and again, by several clients at once, while eight others pull images. Each is answered as it is when it comes alone; no
// pull fails, is wrong, or finds anything changed; and afterwards the server has as many goroutines and files as before, and not much more memory.
func TestHostileRequestsAtLoad(t *testing.T) {
	b := newBerth(t, build(t, ""), t.TempDir()+"/data", t.TempDir()+"/blobs")
	o, random := newOracle(), rand.New(rand.NewPCG(21, 22))
	var images []*image
	for n := range 8 {
		images = append(images, newImage(random, fmt.Sprint("pulled", n), nil, 5_000, 300_000))
		if err := o.push(t.Context(), b, images[n]); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.LoadDefaultConfig(t.Context(), config.WithSharedCredentialsFiles([]string{filepath.Join(b.data, "credentials")}), config.WithRegion(region), config.WithBaseEndpoint("http://"+b.addr))
	if err != nil {
		t.Fatal(err)
	}
	api := ecr.NewFromConfig(c)
	if _, err := api.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("other")}); err != nil {
		t.Fatal(err)
	}
	cases := hostileCases()
	sent := make([]atomic.Int64, len(cases))
	attack := func(i *intruder, n int) {
		status, err := cases[n].send(i)
		for _, want := range cases[n].want {
			if err == nil && status == want {
				sent[n].Add(1)
				return
			}
		}
		t.Errorf("case %d, %s: %d, %v; want %v", n, cases[n].id, status, err, cases[n].want)
	}
	work := func(d time.Duration) (pulls int64) {
		until := time.Now().Add(d)
		var all sync.WaitGroup
		var count atomic.Int64
		for n := range 8 {
			all.Go(func() {
				for at := n; time.Now().Before(until) && !t.Failed(); at++ {
					if there, err := images[at%len(images)].read(t.Context(), b); err != nil || !there {
						t.Errorf("a pull of %s: there: %t, %v", images[at%len(images)].tag, there, err)
					}
					count.Add(1)
				}
			})
		}
		for n := range 6 {
			all.Go(func() {
				i := &intruder{berth: b, random: rand.New(rand.NewPCG(23, uint64(n))), api: api, image: images[n]}
				defer func() {
					for _, c := range i.held {
						c.Close()
					}
				}()
				for at := n; time.Now().Before(until) && !t.Failed(); at++ {
					attack(i, at%len(cases))
				}
			})
		}
		all.Wait()
		b.client.CloseIdleConnections()
		return count.Load()
	}
	work(time.Second) // what grows once has grown then
	before := b.resources(t)
	pulls := work(*hostileFor)
	total := int64(0)
	for n, c := range cases {
		if total += sent[n].Load(); sent[n].Load() == 0 {
			t.Errorf("%s was never sent", c.id)
		}
	}
	var after resources
	soon(t, "goroutines and files are what they were", 30*time.Second, func() bool {
		after = b.resources(t)
		return after.goroutines <= before.goroutines+8 && after.files <= before.files+4 // of connections that are just being made or closed
	})
	t.Logf("%d hostile requests beside %d pulls; before %+v, after %+v", total, pulls, before, after)
	if after.memory > before.memory+64<<20 {
		t.Errorf("%d MB of memory, %d before", after.memory>>20, before.memory>>20)
	}
	for _, f := range o.compare(t, b, true) {
		t.Errorf("%s: %s", f.kind, f.what)
	}
	b.fsck(t, "--deep")
}

// resources are what a process holds.
type resources struct{ goroutines, files, memory int }

func (b *berth) resources(t testing.TB) (r resources) {
	t.Helper()
	b.client.CloseIdleConnections()
	n, err := strconv.ParseFloat(b.metric("go_goroutines"), 64)
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.process.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.process.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return resources{int(n), len(files), kib << 10}
}
