package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// nodes is what some nodes of one cell did together.
type nodes struct {
	Nodes    int
	Limit    float64 // of a CPU, for each node; 0 without
	Rate     float64 // pulls a second, of all
	NodeCPU  float64 // CPU ms a pull, of the nodes
	StoreCPU float64 // of PostgreSQL and S3
}

// nodeShare is the part of a CPU that each node may use: so little that generator, PostgreSQL and S3 have all that they want beside two of them on two CPUs.
const nodeShare = 0.2

func twoNodes() scenario {
	return scenario{
		name: "two-nodes", title: "pulls of small images from one node and from two, on PostgreSQL and S3, each node limited to a fifth of a CPU", unit: "times the pulls of one node",
		targets: []string{"berth"}, round: nodesRound,
		goals: []goal{{figure: nodesFigure, least: 1.8}},
	}
}

// nodesFigure is what two nodes do of what one does, round by round.
func nodesFigure(m *measured) []float64 {
	var ratios []float64
	for i := 0; i+1 < len(m.Nodes); i += 2 {
		ratios = append(ratios, m.Nodes[i+1].Rate/m.Nodes[i].Rate)
	}
	return ratios
}

func nodesRound(ctx context.Context, b *bench, m *measured) (err error) {
	dir, err := os.MkdirTemp("", "berth-bench-") // PostgreSQL must be able to reach it as another user
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	dsn, postgres, err := startPostgres(ctx, dir)
	if errors.Is(err, exec.ErrNotFound) {
		fmt.Fprintln(b.say, "PostgreSQL is not here: left out")
		return nil
	}
	if err != nil {
		return err
	}
	defer postgres.stop()
	bucket, gateway, err := startS3(ctx, dir)
	if errors.Is(err, exec.ErrNotFound) {
		fmt.Fprintln(b.say, "versitygw is not here: left out")
		return nil
	}
	if err != nil {
		return err
	}
	defer gateway.stop()
	var all []*target
	for i := range 2 {
		t := &target{name: "berth", base: "/v2/", ready: "/v2/", dir: filepath.Join(dir, fmt.Sprint("node", i))}
		port, err := freePort()
		if err != nil {
			return err
		}
		t.addr = fmt.Sprintf("127.0.0.1:%d", port)
		if err := os.MkdirAll(t.dir, 0o755); err != nil {
			return err
		}
		if err := b.berthWith(t, "--db", dsn, "--blobs", bucket); err != nil {
			return err
		}
		if i > 0 {
			t.settle = nil
			t.base, t.auth = all[0].base, all[0].auth
		}
		if err := t.start(ctx); err != nil {
			return err
		}
		defer t.stop()
		all = append(all, t)
	}
	p, err := dial(all[0])
	if err != nil {
		return err
	}
	defer p.close()
	var images []image
	for range 50 {
		i := b.corpus.smallImage()
		if err := p.small(small, i); err != nil {
			return err
		}
		images = append(images, i)
	}
	if _, err := b.pullFrom(ctx, all, images, time.Second); err != nil { // what they read from PostgreSQL once is in memory then
		return err
	}
	limit := nodeShare
	for i, t := range all {
		free, err := limitCPU(t.process.cmd.Process.Pid, fmt.Sprintf("berth-bench-%d-%d", os.Getpid(), i), nodeShare)
		if err != nil {
			fmt.Fprintf(b.say, "the nodes cannot be limited: %v\n", err)
			limit = 0
			break
		}
		defer free()
	}
	for n := 1; n <= len(all); n++ {
		done, err := b.pullFrom(ctx, all[:n], images, 300*time.Millisecond)
		if err != nil {
			return err
		}
		cpu := func() (nodes, stores time.Duration) {
			for _, t := range all[:n] {
				nodes += t.process.cpu()
			}
			return nodes, postgres.cpu() + gateway.cpu()
		}
		nodesBefore, storesBefore := cpu()
		start := time.Now()
		if done, err = b.pullFrom(ctx, all[:n], images, time.Duration(b.seconds*float64(time.Second))); err != nil {
			return err
		}
		took := time.Since(start)
		nodesAfter, storesAfter := cpu()
		each := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(done) }
		m.Nodes = append(m.Nodes, nodes{n, limit, float64(done) / took.Seconds(), each(nodesAfter - nodesBefore), each(storesAfter - storesBefore)})
	}
	return nil
}

// pullFrom pulls small images from some nodes at once, eight clients of each.
func (b *bench) pullFrom(ctx context.Context, from []*target, images []image, d time.Duration) (int, error) {
	until := time.Now().Add(d)
	done := make([]int, len(from))
	err := each(len(from), func(i int) (err error) {
		t := from[i]
		operations := make([][]request, len(images))
		for n := range operations {
			operations[n] = t.pull(small, images[n])
		}
		done[i], err = pulling(ctx, t, 8, until, func(client, turn int) []request { return operations[(client*13+turn)%len(operations)] })
		return err
	})
	sum := 0
	for _, n := range done {
		sum += n
	}
	return sum, err
}

func (m *measured) printNodes(w io.Writer) {
	for _, n := range m.Nodes {
		fmt.Fprintf(w, "  %-13s %d of %.1f CPUs each: %9.1f pulls/s, %7.4f CPU ms of a node, %7.4f of PostgreSQL and S3\n", m.Target, n.Nodes, n.Limit, n.Rate, n.NodeCPU, n.StoreCPU)
	}
}

// limitCPU lets a process use so much of a CPU, by a control group of either version, until free is called. Only root may.
func limitCPU(pid int, name string, share float64) (free func(), err error) {
	const period = 20_000 // µs; short, so that waiting for the next one does not show
	quota := strconv.Itoa(int(share * period))
	dir, files := "/sys/fs/cgroup/cpu/"+name, map[string]string{"cpu.cfs_period_us": strconv.Itoa(period), "cpu.cfs_quota_us": quota}
	if !exists("/sys/fs/cgroup/cpu/cgroup.procs") {
		dir, files = "/sys/fs/cgroup/"+name, map[string]string{"cpu.max": quota + " " + strconv.Itoa(period)}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	for _, file := range []string{"cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.max"} {
		if text, ok := files[file]; ok && err == nil {
			err = os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644)
		}
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644)
	}
	remove := func() { os.Remove(dir) } //nolint:errcheck // the process has ended by then; an empty group does no harm
	if err != nil {
		remove()
		return nil, err
	}
	root := filepath.Dir(dir)
	return func() {
		os.WriteFile(filepath.Join(root, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644) //nolint:errcheck // as above
		remove()
	}, nil
}

// startPostgres starts an empty cluster in dir, which is given to the user that it runs as.
func startPostgres(ctx context.Context, dir string) (dsn string, p *process, err error) {
	bin, err := exec.LookPath("initdb")
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) > 0 {
		bin, err = found[len(found)-1], nil
	}
	if err != nil {
		return "", nil, exec.ErrNotFound
	}
	data := filepath.Join(dir, "postgres")
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(data, 0o700)); err != nil {
		return "", nil, err
	}
	var as *syscall.Credential
	if os.Geteuid() == 0 { // it refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			return "", nil, exec.ErrNotFound
		}
		uid, _ := strconv.Atoi(u.Uid) // they are numbers on every system with a postgres
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(data, uid, gid); err != nil {
			return "", nil, err
		}
		as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	initdb := exec.CommandContext(ctx, bin, "-D", data+"/data", "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale", "C")
	initdb.SysProcAttr, initdb.Dir = &syscall.SysProcAttr{Credential: as}, data
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	if p, err = spawnAs(data, as, nil, filepath.Join(filepath.Dir(bin), "postgres"), "-D", data+"/data", "-k", data, "-h", "127.0.0.1", "-p", strconv.Itoa(port)); err != nil {
		return "", nil, err
	}
	dsn = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return "", nil, err
	}
	defer db.Close()
	return dsn, p, p.wait(ctx, func() error { return db.PingContext(ctx) })
}

// startS3 starts versitygw on a folder, with a bucket.
func startS3(ctx context.Context, dir string) (bucket string, p *process, err error) {
	program, err := program("versitygw")
	if err != nil {
		if home, _ := os.UserHomeDir(); exists(home + "/go/bin/versitygw") {
			program = home + "/go/bin/versitygw"
		} else {
			return "", nil, exec.ErrNotFound
		}
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	data := filepath.Join(dir, "s3")
	sidecar := filepath.Join(dir, "sidecar")
	if err := errors.Join(os.Mkdir(data, 0o755), os.Mkdir(sidecar, 0o755)); err != nil {
		return "", nil, err
	}
	const access, secret = "AKIDBENCH", "bench-secret"
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	if p, err = spawn(dir, nil, program, "--access", access, "--secret", secret, "--port", addr, "posix", "--sidecar", sidecar, data); err != nil {
		return "", nil, err
	}
	endpoint := "http://" + addr
	c := s3.New(s3.Options{BaseEndpoint: &endpoint, Region: region, UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider(access, secret, ""), HTTPClient: http.DefaultClient})
	err = p.wait(ctx, func() error {
		_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("berth")})
		return err
	})
	return fmt.Sprintf("s3://%s@berth/bench?endpoint=%s&region=%s&path-style=true", url.UserPassword(access, secret), url.QueryEscape(endpoint), region), p, err
}
