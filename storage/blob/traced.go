package blob

import (
	"context"
	"io"

	"github.com/berth-registry/berth/storage/trace"
)

// Traced is s with a span for each of its calls on the way of a request. What it opens is what s opens, so that a file is still sent by the kernel.
func Traced(s Store) Store {
	kind := "files"
	if _, ok := s.(*S3); ok {
		kind = "s3"
	}
	return &traced{s, kind}
}

type traced struct {
	Store
	kind string
}

func (s *traced) begin(ctx context.Context, name, key string) (context.Context, trace.Span) {
	ctx, span := trace.Begin(ctx, name)
	if span.On() {
		span.Text("berth.blob.store", s.kind)
		span.Text("berth.blob.key", key)
	}
	return ctx, span
}

func (s *traced) Append(ctx context.Context, u *Upload, r io.Reader) error {
	ctx, span := s.begin(ctx, "blob.append", u.ID)
	before := u.Size
	err := s.Store.Append(ctx, u, r)
	span.Number("berth.blob.bytes", u.Size-before)
	span.End(err)
	return err
}

func (s *traced) Commit(ctx context.Context, u *Upload) error {
	ctx, span := s.begin(ctx, "blob.commit", u.ID)
	err := s.Store.Commit(ctx, u)
	span.Number("berth.blob.bytes", u.Size)
	span.End(err)
	return err
}

func (s *traced) Abort(ctx context.Context, u *Upload) error {
	ctx, span := s.begin(ctx, "blob.abort", u.ID)
	err := s.Store.Abort(ctx, u)
	span.End(err)
	return err
}

func (s *traced) Open(ctx context.Context, key Key, size int64) (Content, error) {
	opening, span := s.begin(ctx, "blob.open", string(key))
	content, err := s.Store.Open(opening, key, size)
	span.Number("berth.blob.bytes", size)
	span.End(err)
	return content, err
}

func (s *traced) Delete(ctx context.Context, key Key) error {
	ctx, span := s.begin(ctx, "blob.delete", string(key))
	err := s.Store.Delete(ctx, key)
	span.End(err)
	return err
}
