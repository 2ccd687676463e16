package ecr_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/berth-registry/berth/berthtest"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/server"
)

// berth is a whole berth and the callers that a test makes in it.
type berth struct {
	*berthtest.Server

	mu    sync.Mutex
	roots map[string]*iam.AccessKey
}

func start(t *testing.T) *berth {
	t.Helper()
	return startAt(t, nil)
}

// startAt is start with a clock of the test's; nil is the real one.
func startAt(t *testing.T, now func() time.Time) *berth {
	t.Helper()
	return &berth{Server: berthtest.StartWith(t, server.Options{Now: now}), roots: map[string]*iam.AccessKey{}}
}

// rootKey makes the account unless it is there, and returns its root user's key.
func (b *berth) rootKey(t *testing.T, account string) *iam.AccessKey {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.roots[account] == nil {
		_, key, err := b.Identity().CreateAccount(context.Background(), iam.NewAccount{ID: account})
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
	return b.caller(b.As(key.ID, key.Secret, ""), region)
}

// user is a new user of an account, with one identity policy unless it is "".
func (b *berth) user(t *testing.T, account, region, name, policy string) caller {
	t.Helper()
	key := b.rootKey(t, account)
	owner := &berthtest.Account{Caller: b.As(key.ID, key.Secret, ""), ID: account}
	return b.caller(owner.User(t, name, policy), region)
}

func (b *berth) caller(c *berthtest.Caller, region string) caller {
	return caller{Client: c.ECR(region), as: c, berth: b, ctx: context.Background()}
}

// caller is somebody who calls the API of a region with the unmodified SDK.
type caller struct {
	*awsecr.Client
	as    *berthtest.Caller
	berth *berth
	ctx   context.Context
}

// once is the caller with an SDK that tries nothing again, for errors that it takes for passing ones: ServerException, and LimitExceededException too.
func (c caller) once() caller {
	c.Client = awsecr.New(c.Options(), func(o *awsecr.Options) { o.Retryer = aws.NopRetryer{} })
	return c
}
