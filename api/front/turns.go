package front

import (
	"context"
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/identity/iam"
	"github.com/berth-registry/berth/storage/turn"
)

// Turns decide whose request works next (docs/decisions/fairness.md).
type Turns struct {
	arrivals *turn.Turns // of who has not proved yet who he is: in lines by address
	work     *turn.Turns // of accounts
	refused  *prometheus.CounterVec
	stop     func()
}

// NewTurns lets n requests of accounts compute at once, and as many find out who is calling, until Close.
func NewTurns(n int, r prometheus.Registerer) (*Turns, error) {
	t := &Turns{arrivals: turn.New(n), work: turn.New(n), refused: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "berth_turns_refused_total", Help: "Requests refused because too many of their account or address waited (full), or because they waited too long (late)."}, []string{"why"})}
	t.refused.WithLabelValues("full")
	t.refused.WithLabelValues("late")
	gauge := func(name, help string, number func(*turn.Turns) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(number(t.arrivals) + number(t.work)) })
	}
	r.MustRegister(t.refused, gauge("berth_turns_working", "Requests that compute.", (*turn.Turns).Working),
		gauge("berth_turns_waiting", "Requests that wait for their turn to compute.", (*turn.Turns).Waiting))
	var err error
	t.stop, err = turn.Watch(t.arrivals, t.work)
	return t, err
}

// Close ends what NewTurns began.
func (t *Turns) Close() { t.stop() }

// Hold takes one of the turns to work until its End, as a request does that computes for long.
func (t *Turns) Hold(ctx context.Context) (*turn.Turn, error) {
	held := new(turn.Turn)
	return held, held.Take(ctx, t.work, "", "")
}

// turnContext is that of a request, with its turn: what waits gives it up.
type turnContext struct {
	context.Context
	turn *turn.Turn
}

func (c *turnContext) Value(key any) any {
	if key == turn.Key() {
		return c.turn
	}
	return c.Context.Value(key)
}

// with is r with the call and the turn of x in its context.
func (x *exchange) with(r *http.Request) *http.Request {
	x.ctx = turnContext{iam.With(r.Context(), &x.call), &x.turn}
	return r.WithContext(&x.ctx)
}

// arrive waits for the turn to find out who is calling. A stranger's look-ups wait for those of other addresses, and never for the work of accounts; of one address
// they are told apart by who they say they are, so that of those behind one proxy nobody waits for all that another asks.
func (f *Front) arrive(x *exchange, r *http.Request, claim string) error {
	if f.Turns == nil || x.turn.Try(f.Turns.arrivals) {
		return nil
	}
	return f.turnError(x, x.turn.Take(r.Context(), f.Turns.arrivals, x.address(), claim))
}

// work waits for the turn of the account that is calling; of nobody's, of the address. It lasts until the answer begins.
func (f *Front) work(x *exchange, r *http.Request) error {
	x.arrived()
	x.turn.End() // that of arriving
	if f.Turns == nil {
		return nil
	}
	account, principal := x.call.Home(), ""
	if p := x.call.Principal; p != nil {
		principal = p.ARN
		x.turn.For(account)
	} else if x.turn.Try(f.Turns.work) {
		return nil
	} else {
		account = x.address()
	}
	return f.turnError(x, x.turn.Take(r.Context(), f.Turns.work, account, principal))
}

// address is what a stranger counts as: of IPv6 the network that one customer has to himself.
func (x *exchange) address() string {
	ip := x.call.SourceIP
	if ip.Is6() {
		p, _ := ip.Prefix(64) // it has 128 bits
		ip = p.Addr()
	}
	return ip.String()
}

// turnError is what a client is told who gets no turn: to come again (API-80, HTTP-31). Of whose own account too many wait it is its rate; else it is ours.
func (f *Front) turnError(x *exchange, err error) error {
	switch {
	case errors.Is(err, turn.ErrFull):
		f.Turns.refused.WithLabelValues("full").Inc()
		x.Header()["Retry-After"] = []string{"1"}
		return fault.New(fault.Throttled, "Rate exceeded")
	case errors.Is(err, turn.ErrLate):
		f.Turns.refused.WithLabelValues("late").Inc()
		x.Header()["Retry-After"] = []string{"5"}
		return fault.New(fault.Unavailable, "The registry has more to do than it can. Try again in a moment")
	}
	return err
}
