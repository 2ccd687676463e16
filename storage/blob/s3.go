package blob

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// S3 keeps blobs in a bucket. Uploads are multipart uploads of the final object, of parts that any node can go on adding: what is short of a part waits in
// Upload.Tail. Correctness never depends on a listing; Walk and Sweep alone use them (F17).
type S3 struct {
	client  *s3.Client
	presign *s3.PresignClient // nil: clients are not sent to the bucket
	bucket  string
	prefix  string // "" or ending in "/"
	sse     types.ServerSideEncryption
	kmsKey  *string

	buffers *buffers
	small   sync.Pool // of *[TailMax + 1]byte
}

// objectKey is the name in the bucket of the object that has id as its Key.
func (s *S3) objectKey(id string) *string {
	return aws.String(s.prefix + "blob/" + shard(id) + "/" + id)
}

// idOf is the reverse of objectKey; it answers false for objects that no store put there.
func (s *S3) idOf(objectKey *string) (string, bool) {
	rest, ok := strings.CutPrefix(aws.ToString(objectKey), s.prefix+"blob/")
	if !ok {
		return "", false
	}
	dir, id, _ := strings.Cut(rest, "/")
	return id, validID(id) && dir == shard(id)
}

// Open is Store's. The first bytes are already on their way when it returns; seeking costs another request.
func (s *S3) Open(ctx context.Context, key Key, size int64) (Content, error) {
	if !validID(string(key)) {
		return nil, fmt.Errorf("%w: malformed key %q", ErrMissing, key)
	}
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: s.objectKey(string(key))})
	switch {
	case absent(err):
		return nil, fmt.Errorf("%w: %s", ErrMissing, key)
	case err != nil:
		return nil, unavailable(err)
	}
	if length := aws.ToInt64(out.ContentLength); length != size {
		_ = out.Body.Close()
		return nil, fmt.Errorf("%w: %s has %d bytes instead of %d", ErrSize, key, length, size)
	}
	return &s3Content{ctx: ctx, store: s, key: key, size: size, body: out.Body}, nil
}

// URL is Store's: a presigned GET, if the store was opened with redirect=true.
func (s *S3) URL(ctx context.Context, key Key, d Disposition) (string, bool) {
	if s.presign == nil || !validID(string(key)) {
		return "", false
	}
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: s.objectKey(string(key))}
	if d.MediaType != "" {
		in.ResponseContentType = &d.MediaType
	}
	expires := d.Expires
	if expires <= 0 || expires > time.Hour {
		expires = time.Hour
	}
	request, err := s.presign.PresignGetObject(ctx, in, s3.WithPresignExpires(expires))
	if err != nil {
		return "", false // without credentials now: the registry reads for the client, and reports what is wrong
	}
	return request.URL, true
}

// Delete is Store's.
func (s *S3) Delete(ctx context.Context, key Key) error {
	if !validID(string(key)) {
		return fmt.Errorf("%w: malformed key %q", ErrMissing, key)
	}
	if _, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: s.objectKey(string(key))}); err != nil && !absent(err) {
		return unavailable(err)
	}
	return nil
}

// Walk is Store's.
func (s *S3) Walk(ctx context.Context, f func(Key, int64, time.Time) error) error {
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: aws.String(s.prefix + "blob/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return unavailable(err)
		}
		for _, object := range page.Contents {
			id, ok := s.idOf(object.Key)
			if !ok {
				continue
			}
			if err := f(Key(id), aws.ToInt64(object.Size), aws.ToTime(object.LastModified)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Sweep is Store's. It takes a multipart upload to be as old as its beginning.
func (s *S3) Sweep(ctx context.Context, olderThan time.Time, live func(id string) (bool, error)) (int, error) {
	removed := 0
	pages := s3.NewListMultipartUploadsPaginator(s.client, &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: aws.String(s.prefix + "blob/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return removed, unavailable(err)
		}
		for _, upload := range page.Uploads {
			id, ok := s.idOf(upload.Key)
			if !ok || !aws.ToTime(upload.Initiated).Before(olderThan) {
				continue
			}
			swept, err := s.sweepOne(ctx, id, aws.ToString(upload.UploadId), live)
			if err != nil {
				return removed, err
			}
			if swept {
				removed++
			}
		}
	}
	return removed, nil
}

func (s *S3) sweepOne(ctx context.Context, id, multipart string, live func(id string) (bool, error)) (bool, error) {
	if alive, err := live(id); err != nil || alive {
		return false, err
	}
	return true, s.abort(ctx, id, multipart)
}

func (s *S3) abort(ctx context.Context, id, multipart string) error {
	_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: s.objectKey(id), UploadId: &multipart})
	if err != nil && !absent(err) {
		return unavailable(err)
	}
	return nil
}

// absent reports whether err says that the object or the multipart upload is not there. A missing bucket is another matter: nothing is known of its objects.
func absent(err error) bool {
	switch code := s3Code(err); code {
	case "NoSuchKey", "NoSuchUpload", "NotFound":
		return true
	case "NoSuchBucket", "":
		return false
	default:
		var response interface{ HTTPStatusCode() int }
		return errors.As(err, &response) && response.HTTPStatusCode() == http.StatusNotFound
	}
}

// s3Code is the code of the server's answer, "" if there was none.
func s3Code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
