package operator

import (
	"bytes"
	"context"
	"os"
	"runtime/pprof"
	"runtime/trace"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/turn"
)

// profileMost bounds a profile in bytes: it is gathered in memory, and a busy server writes some megabytes of trace a second.
const profileMost = 32 << 20

// CaptureProfileInput says what is looked at, and for how long. Kind is cpu or trace, which take Seconds (10 unless said, at most 120), or heap or goroutine, which show a moment.
type CaptureProfileInput struct {
	Kind    *string
	Seconds *int32
}

// CaptureProfileOutput is what `go tool pprof`, or `go tool trace`, reads. Server is the machine that it is of: behind a load balancer that is any.
type CaptureProfileOutput struct {
	Profile []byte
	Server  *string
}

// CaptureProfile says what the server that answers is doing: where its time or its memory goes, and what its goroutines wait for. It tells names of functions, and no data. It
// needs berth:CaptureProfile. The fault is LimitExceeded while another profile is captured, and of a trace that becomes too large.
func (a *API) CaptureProfile(ctx context.Context, in *CaptureProfileInput) (*CaptureProfileOutput, error) {
	if err := a.authorize(ctx, "berth:CaptureProfile"); err != nil {
		return nil, err
	}
	if !a.capturing.TryLock() {
		return nil, fault.New(fault.LimitExceeded, "Another profile is being captured on this server")
	}
	defer a.capturing.Unlock()
	during := 10 * time.Second
	if in.Seconds != nil {
		during = time.Duration(*in.Seconds) * time.Second
	}
	to := &bounded{}
	if err := capture(ctx, aws.ToString(in.Kind), during, to); err != nil {
		return nil, err
	}
	if to.more {
		return nil, fault.New(fault.LimitExceeded, "The profile has more than %d MiB; ask for fewer seconds", profileMost>>20)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &CaptureProfileOutput{to.Bytes(), &host}, nil
}

// capture writes the profile. It ends early, without error, when the client goes away.
func capture(ctx context.Context, kind string, during time.Duration, to *bounded) error {
	switch kind {
	case "cpu":
		if err := pprof.StartCPUProfile(to); err != nil {
			return fault.Wrap(err, fault.LimitExceeded, "Another profile is being captured on this server")
		}
		defer pprof.StopCPUProfile()
	case "trace":
		if err := trace.Start(to); err != nil {
			return fault.Wrap(err, fault.LimitExceeded, "Another profile is being captured on this server")
		}
		defer trace.Stop()
	default:
		return pprof.Lookup(kind).WriteTo(to, 0)
	}
	t := turn.Of(ctx)
	paused := t.Pause()
	defer t.Resume(paused)
	select {
	case <-ctx.Done():
	case <-time.After(during):
	}
	return nil
}

// bounded keeps what fits, and notes that there was more.
type bounded struct {
	bytes.Buffer
	more bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.more || b.Len()+len(p) > profileMost {
		b.more = true
		return len(p), nil
	}
	return b.Buffer.Write(p)
}
