package ecr_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/api/ecr"
	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/lang/awswire"
	"github.com/berth-registry/berth/lang/oci"
	"github.com/berth-registry/berth/lang/sigv4"
	"github.com/berth-registry/berth/registry"
	"github.com/berth-registry/berth/storage/audit"
	"github.com/berth-registry/berth/storage/blob"
	"github.com/berth-registry/berth/storage/sql"
	"github.com/berth-registry/berth/storage/sql/sqltest"
)

// berth is the API over a real registry, a real directory and a real database, on a port of its own: the door with nothing in front of it but a signature
// check, so that what it says is what a client hears.
type berth struct {
	url       string
	directory *iam.Directory
	names     ecr.Names
	keys      *sigv4.Keys

	mu    sync.Mutex
	roots map[string]*iam.AccessKey
}

func start(t *testing.T) *berth {
	t.Helper()
	ctx := context.Background()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open(ctx, sqltest.SQLite(t))
	check(err)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	log, err := audit.Open(ctx, db)
	check(err)
	t.Cleanup(log.Close)
	directory, err := iam.Open(ctx, db, log, iam.Options{})
	check(err)
	t.Cleanup(directory.Close)
	blobs, err := blob.OpenFiles(t.TempDir())
	check(err)
	reg, err := registry.Open(ctx, db, blobs, directory, log, registry.Options{})
	check(err)
	t.Cleanup(reg.Close)

	b := &berth{directory: directory, keys: sigv4.NewKeys(100), roots: map[string]*iam.AccessKey{}}
	b.names = ecr.Names{
		Endpoint: func(_ context.Context, account, region string) string {
			return "https://" + account + ".registry." + region
		},
		URI: func(_ context.Context, account, region, name string) string {
			return account + ".registry." + region + "/" + name
		},
		LayerURL: func(ctx context.Context, account, region string, id int64, name string, d oci.Digest, expires time.Time) string {
			q := url.Values{"account": {account}, "region": {region}, "id": {fmt.Sprint(id)}, "name": {name}, "digest": {string(d)},
				"seconds": {strconv.Itoa(int(expires.Sub(iam.From(ctx).Time).Seconds()))}}
			return "https://layers/?" + q.Encode()
		},
	}
	service, err := ecr.Service(&ecr.API{Registry: reg, Directory: directory, Names: b.names, Pages: awswire.NewPages([]byte("of this test"))})
	check(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const requestID = "5f3ad5de-7a2b-4e6f-9f3c-0b1c2d3e4f5a"
		op, out, err := b.serve(service, r)
		if err == nil {
			err = service.WriteResult(w, op, out, requestID)
		}
		if err != nil {
			if fault.As(err) == nil {
				t.Errorf("%s failed: %v", r.Header.Get("X-Amz-Target"), err)
			}
			service.WriteError(w, err, requestID)
		}
	}))
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

// serve checks who signed and runs the operation.
func (b *berth) serve(service *awswire.Service, r *http.Request) (*awswire.Operation, any, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, err
	}
	call, err := awswire.Target(r, body)
	if err != nil {
		return nil, nil, err
	}
	signature, err := sigv4.Parse(r)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	credential, err := b.directory.Credential(r.Context(), signature.AccessKeyID, signature.SecurityToken, now)
	if err != nil {
		return nil, nil, err
	}
	if err := signature.Verify(r, b.keys, credential.Secret, sha256.Sum256(body)); err != nil {
		return nil, nil, err
	}
	op, err := service.Find(call)
	if err != nil {
		return nil, nil, err
	}
	in, err := op.Decode(r, body)
	if err != nil {
		return nil, nil, err
	}
	out, err := op.Call(iam.With(r.Context(), &iam.Call{
		Principal: credential.Principal, Session: credential.Session, AccessKeyID: credential.AccessKeyID,
		Time: now, Region: signature.Region, SourceIP: netip.MustParseAddr("192.0.2.1"),
	}), in)
	return op, out, err
}

// rootKey makes the account unless it is there, and returns its root user's key.
func (b *berth) rootKey(t *testing.T, account string) *iam.AccessKey {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.roots[account] == nil {
		_, key, err := b.directory.CreateAccount(context.Background(), iam.NewAccount{ID: account})
		if err != nil {
			t.Fatal(err)
		}
		b.roots[account] = key
	}
	return b.roots[account]
}

// root is the root user of an account, which is made unless it is there.
func (b *berth) root(t *testing.T, account, region string) caller {
	t.Helper()
	key := b.rootKey(t, account)
	return b.client(key.ID, key.Secret, "", region)
}

// asRoot is the context of a call by the root user of an account to the directory itself.
func (b *berth) asRoot(t *testing.T, account string) context.Context {
	t.Helper()
	root := b.rootKey(t, account)
	credential, err := b.directory.Credential(context.Background(), root.ID, "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return iam.With(context.Background(), &iam.Call{Principal: credential.Principal, AccessKeyID: root.ID, Time: time.Now(), Region: region})
}

// user is a new user of an account, with one identity policy unless it is "".
func (b *berth) user(t *testing.T, account, region, name, policy string) caller {
	t.Helper()
	ctx := b.asRoot(t, account)
	if _, err := b.directory.CreateUser(ctx, iam.NewUser{Name: name}); err != nil {
		t.Fatal(err)
	}
	if policy != "" {
		if err := b.directory.PutInlinePolicy(ctx, iam.Ref{Kind: iam.KindUser, Name: name}, "policy", policy); err != nil {
			t.Fatal(err)
		}
	}
	key, err := b.directory.CreateAccessKey(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	return b.client(key.ID, key.Secret, "", region)
}

// client is the unmodified SDK, which tries once.
func (b *berth) client(id, secret, token, region string) caller {
	return caller{ctx: context.Background(), berth: b, Client: awsecr.New(awsecr.Options{
		Region: region, BaseEndpoint: aws.String(b.url), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, token),
	})}
}
