package front

import (
	"math"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/berth-registry/berth/api/distribution"
	"github.com/berth-registry/berth/fault"
)

// Rates bound how often an operation may be called in a second, by each account in each region (API-80). A bucket holds the calls of one second, so that what
// comes at once is not refused for it.
type Rates struct {
	perSecond map[string]float64 // by operation, as "ecr:PutImage"

	mu      sync.Mutex
	buckets map[bucketKey]*rate.Limiter
}

// bucketKey is whose calls of what a bucket counts.
type bucketKey struct{ account, region, operation string }

// bucketsAtOnce is how many buckets there may be before those that are full again are dropped: a full one is what a new one would be.
const bucketsAtOnce = 10_000

// NewRates bounds the operations that perSecond names, as "ecr:PutImage"; every other is unbounded.
func NewRates(perSecond map[string]float64) *Rates {
	return &Rates{perSecond: perSecond, buckets: map[bucketKey]*rate.Limiter{}}
}

// DefaultRates are ECR's own, by operation (API-80).
func DefaultRates() map[string]float64 {
	return map[string]float64{
		"ecr:GetAuthorizationToken": 500, "ecr:BatchGetImage": 2000, "ecr:GetDownloadUrlForLayer": 3000, "ecr:BatchCheckLayerAvailability": 1000,
		"ecr:InitiateLayerUpload": 100, "ecr:UploadLayerPart": 500, "ecr:CompleteLayerUpload": 100, "ecr:PutImage": 10,
	}
}

// take counts a call. after is how long it takes until another is admitted; 0 if this one is.
func (r *Rates) take(account, region, operation string, now time.Time) (after time.Duration) {
	limit, bounded := r.perSecond[operation]
	if !bounded {
		return 0
	}
	burst := max(1, int(math.Ceil(limit)))
	r.mu.Lock()
	defer r.mu.Unlock()
	key := bucketKey{account, region, operation}
	b := r.buckets[key]
	if b == nil {
		if len(r.buckets) >= bucketsAtOnce {
			for k, old := range r.buckets {
				if old.TokensAt(now) >= float64(old.Burst()) {
					delete(r.buckets, k)
				}
			}
		}
		b = rate.NewLimiter(rate.Limit(limit), burst)
		r.buckets[key] = b
	}
	if b.AllowN(now, 1) {
		return 0
	}
	return time.Duration((1 - b.TokensAt(now)) / limit * float64(time.Second))
}

// throttle refuses a call that comes too soon after others of its account. It names the operation, and says after how many seconds to try again (HTTP-31).
func (f *Front) throttle(x *exchange, operation string) error {
	if f.Rates == nil {
		return nil
	}
	after := f.Rates.take(x.call.Home(), x.call.Region, operation, x.begin)
	if after == 0 {
		return nil
	}
	f.Metrics.throttled.WithLabelValues(operation).Inc()
	x.Header()["Retry-After"] = []string{strconv.Itoa(int(math.Ceil(after.Seconds())))}
	x.call.Audit.Action = operation
	f.note(x)
	return fault.New(fault.Throttled, "Rate exceeded").With(distribution.Throttled{Operation: operation, PerSecond: f.Rates.perSecond[operation]})
}

// operationOf is the operation of the API that a request of a container client counts as (HTTP-10); "" if none.
func operationOf(request string) string {
	switch request {
	case "GET Manifest", "HEAD Manifest", "GET Referrers":
		return "ecr:BatchGetImage"
	case "GET Blob":
		return "ecr:GetDownloadUrlForLayer"
	case "HEAD Blob":
		return "ecr:BatchCheckLayerAvailability"
	case "POST Upload":
		return "ecr:InitiateLayerUpload"
	case "PATCH Upload", "GET Upload", "DELETE Upload":
		return "ecr:UploadLayerPart"
	case "PUT Upload":
		return "ecr:CompleteLayerUpload"
	case "PUT Manifest":
		return "ecr:PutImage"
	case "DELETE Manifest":
		return "ecr:BatchDeleteImage"
	case "GET Tags":
		return "ecr:ListImages"
	case "GET Catalog":
		return "ecr:DescribeRepositories"
	}
	return ""
}
