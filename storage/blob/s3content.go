package blob

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// s3Content reads one object. A connection that breaks is taken up again where it broke, since the client behind it would have to begin anew.
type s3Content struct {
	ctx    context.Context
	store  *S3
	key    Key
	size   int64
	offset int64         // of the next Read
	body   io.ReadCloser // what comes from bodyAt on; nil: not asked for
	bodyAt int64
	broken int // connections that broke since the last progress
}

// readAttempts bounds how often a broken connection is taken up again without a byte of progress.
const readAttempts = 3

func (c *s3Content) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for c.offset < c.size {
		if c.body == nil || c.bodyAt != c.offset {
			if err := c.request(); err != nil {
				return 0, err
			}
		}
		n, err := c.body.Read(p[:min(int64(len(p)), c.size-c.offset)])
		c.offset, c.bodyAt = c.offset+int64(n), c.bodyAt+int64(n)
		if err != nil && c.offset < c.size {
			c.drop()
		}
		if n > 0 {
			c.broken = 0
			return n, nil
		}
		if err == nil {
			return 0, nil
		}
		if c.broken++; c.broken == readAttempts || c.ctx.Err() != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF // never a clean end before the size that was promised
			}
			return 0, unavailable(err)
		}
	}
	return 0, io.EOF
}

// request asks for what comes from offset on.
func (c *s3Content) request() error {
	c.drop()
	out, err := c.store.client.GetObject(c.ctx, &s3.GetObjectInput{
		Bucket: &c.store.bucket, Key: c.store.objectKey(string(c.key)), Range: aws.String(fmt.Sprintf("bytes=%d-", c.offset)),
	})
	if err != nil {
		return unavailable(err)
	}
	if length := aws.ToInt64(out.ContentLength); length != c.size-c.offset {
		_ = out.Body.Close()
		return fmt.Errorf("%w: %s has %d bytes from %d on, of %d", ErrSize, c.key, length, c.offset, c.size)
	}
	c.body, c.bodyAt = out.Body, c.offset
	return nil
}

// Seek only remembers: net/http seeks to the end and back to learn the size.
func (c *s3Content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += c.offset
	case io.SeekEnd:
		offset += c.size
	default:
		return 0, fmt.Errorf("blob: seek from %d", whence)
	}
	if offset < 0 {
		return 0, errors.New("blob: seek to before the beginning")
	}
	c.offset = offset
	return offset, nil
}

func (c *s3Content) Close() error {
	c.drop()
	return nil
}

func (c *s3Content) drop() {
	if c.body != nil {
		_ = c.body.Close()
		c.body = nil
	}
}
