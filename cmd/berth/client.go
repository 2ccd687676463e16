package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"github.com/berth-registry/berth/server"
)

// Target says which installation a command speaks to: a running server, with the caller's AWS credentials, or the data folder of one that is stopped.
type Target struct {
	server.Folder
	Endpoint string `help:"URL of a running server (default: http://127.0.0.1:5050)." env:"AWS_ENDPOINT_URL" placeholder:"URL"`
}

// localEndpoint is where a server listens that was told nothing else.
const localEndpoint = "http://127.0.0.1:5050"

// url is the server that the command speaks to.
func (t *Target) url() string { return cmp.Or(t.Endpoint, localEndpoint) }

// credentials is the shared credentials file that the caller uses: the one that AWS names, or the data folder's.
func (t *Target) credentials() string {
	if file := os.Getenv("AWS_SHARED_CREDENTIALS_FILE"); file != "" {
		return file
	}
	return t.CredentialsFile()
}

// call runs an operation of berth's own service on the running server.
func (t *Target) call(ctx context.Context, operation string, in, out any) error {
	who, err := t.caller(ctx)
	if err != nil {
		return err
	}
	return who.call(ctx, operation, in, out)
}

// pages runs an operation that lists on the running server, with in as its input, and calls each with every page of its answer.
func pages[T any](ctx context.Context, t *Target, operation string, in map[string]any, each func(T) error) error {
	who, err := t.caller(ctx)
	if err != nil {
		return err
	}
	for {
		var answer json.RawMessage
		if err := who.call(ctx, operation, in, &answer); err != nil {
			return err
		}
		var page T
		var next struct{ NextToken string }
		if err := errors.Join(json.Unmarshal(answer, &page), json.Unmarshal(answer, &next)); err != nil {
			return unreadable(err)
		}
		if err := each(page); err != nil || next.NextToken == "" {
			return err
		}
		in["nextToken"] = next.NextToken
	}
}

func unreadable(err error) error { return fmt.Errorf("the server's answer cannot be read: %w", err) }

// printJSON is what --output json prints: one line.
func printJSON(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }

// caller finds the caller's credentials where every AWS client looks for them, but not in the metadata of a cloud's machine, which would only keep him waiting.
func (t *Target) caller(ctx context.Context) (caller, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithSharedCredentialsFiles([]string{t.credentials()}), config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	if err != nil {
		return caller{}, fmt.Errorf("AWS credentials: %w", err)
	}
	key, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return caller{}, fmt.Errorf("there are no AWS credentials in the environment or in %s: copy the lines that `berth serve` prints at its start", t.credentials())
	}
	client, err := t.client()
	if err != nil {
		return caller{}, err
	}
	return caller{t.url(), key, cmp.Or(cfg.Region, "us-east-1"), client}, nil
}

// region is the one that the caller works in: that of the environment, or of the caller's profile, which the first start wrote with a region that is served.
func (t *Target) region(ctx context.Context) string {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithSharedCredentialsFiles([]string{t.credentials()}), config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	if err != nil || cfg.Region == "" {
		return "us-east-1"
	}
	return cfg.Region
}

// client trusts what AWS_CA_BUNDLE names, and the authority of the data folder, beside the system's.
func (t *Target) client() (*http.Client, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	bundles := []string{t.CAFile()}
	if file := os.Getenv("AWS_CA_BUNDLE"); file != "" {
		bundles = append(bundles, file)
	}
	for _, file := range bundles {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		pool.AppendCertsFromPEM(text)
	}
	return &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}, Timeout: time.Minute,
	}, nil
}

// caller calls a running server as somebody.
type caller struct {
	endpoint string
	key      aws.Credentials
	region   string
	http     *http.Client
}

// call runs an operation of berth's own service, "berth", which speaks awsJson1.1 as ECR does.
func (c caller) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.endpoint, "/")+"/", bytes.NewReader(body))
	if err != nil || req.URL.Host == "" {
		return fmt.Errorf("--endpoint: %q is not the URL of a server, such as %s", c.endpoint, localEndpoint)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("User-Agent", "berth")
	req.Header.Set("X-Amz-Target", "Berth_20261122."+operation)
	if c.key.HasKeys() { // nobody signs to sign in
		sum := sha256.Sum256(body)
		if err := v4.NewSigner().SignHTTP(ctx, c.key, req, hex.EncodeToString(sum[:]), "berth", c.region, time.Now()); err != nil {
			return err
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("the server's answer broke off: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return c.refused(resp, answer)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("the answer of %s cannot be read: is it a berth? %w", c.endpoint, err)
	}
	return nil
}

func (c caller) unreachable(err error) error {
	var op *net.OpError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("no server answers at %s: start it with `berth serve`, or name another with --endpoint (%w)", c.endpoint, op.Err)
	case errors.As(err, &unknown):
		return fmt.Errorf("the certificate of %s is of an authority that is not known here: name its file with AWS_CA_BUNDLE, or its data folder with --data: %w", c.endpoint, err)
	}
	return fmt.Errorf("%s does not answer: %w", c.endpoint, err)
}

func (c caller) refused(resp *http.Response, answer []byte) error {
	var told struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if json.Unmarshal(answer, &told) != nil || told.Type == "" {
		return fmt.Errorf("%s answered %s: is it a berth?", c.endpoint, resp.Status)
	}
	name := told.Type[strings.LastIndexByte(told.Type, '#')+1:]
	id := resp.Header.Get("X-Amzn-Requestid")
	text := fmt.Sprintf("%s (%s, request id %s)", strings.TrimSuffix(told.Message, " (request id: "+id+")"), name, id)
	if !c.key.HasKeys() {
		return errors.New(text)
	}
	switch name {
	case "UnrecognizedClientException", "InvalidSignatureException":
		text += fmt.Sprintf("; access key %s is from %s: is that of this server?", c.key.AccessKeyID, c.key.Source)
	case "AccessDeniedException":
		if !ownOperation(resp.Request.Header.Get("X-Amz-Target")) {
			text += "; only the account that the installation began with can be allowed this"
		}
	}
	return errors.New(text)
}

// ownOperation says of which operations each account has its own part.
func ownOperation(target string) bool {
	switch target[strings.IndexByte(target, '.')+1:] {
	case "Explain", "LookUpAudit", "WhoCan", "DescribeImageGraph", "GetTagPattern", "ListImageLocks", "ListRemovedImages", "LockImage", "PutTagPattern", "RestoreImage", "UnlockImage",
		"CreateSigningProfile", "ListSigningProfiles", "DeleteSigningProfile",
		"PreviewLifecyclePolicy", "PutInventory", "ListInventories", "DeleteInventory", "PutLifecycleProtection", "GetLifecycleProtection":
		return true
	}
	return false
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,=-]+$`)

// quote makes s one word for a shell.
func quote(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
