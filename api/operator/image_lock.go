package operator

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-registry/berth/registry"
)

// ImageLock is a lock on an image, as the wire shows it; see registry.Lock. Image is a tag or a digest.
type ImageLock struct {
	Image, Reason, LockedBy *string
	LockedAt                *time.Time
}

func showLock(l *registry.Lock) *ImageLock {
	return &ImageLock{aws.String(l.Target), aws.String(l.Reason), aws.String(l.By), aws.Time(l.At)}
}
