package blob

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/berth-registry/berth/fault"
	"github.com/berth-registry/berth/storage/turn"
)

const (
	// partMin is the least that S3 takes as a part, other than the last.
	partMin = 5 << 20
	// partSize is what an Append sends at a time.
	partSize = 8 << 20
	// partsMax is how many parts an object may have. Clients that send 5 MiB at a time would come to its end before the largest layer that ECR takes
	// (52,000 MiB), so from half of it on only whole parts are sent.
	partsMax = 10_000
	// callTime bounds one request to the server, with its retries. Requests of Append and Commit are not cancelled with the client's connection: what
	// came is kept, for the client to go on from.
	callTime = 2 * time.Minute
)

// multipart is Upload.State.
type multipart struct {
	ID    string `json:"id"`
	Parts []part `json:"parts"` // their numbers count from 1
}

type part struct {
	ETag  string `json:"e"`
	Size  int64  `json:"s"`
	CRC32 string `json:"c,omitempty"` // as the server confirmed it
}

// multipart reads State; its zero value says that nothing was sent yet.
func (u *Upload) multipart() (multipart, error) {
	var m multipart
	if len(u.State) > 0 {
		if err := json.Unmarshal(u.State, &m); err != nil || m.ID == "" {
			return m, errUploadLost(u.ID, "the state is not that of a multipart upload")
		}
	}
	var sent int64
	for _, p := range m.Parts {
		sent += p.Size
	}
	if sent != u.stored() {
		return m, errUploadLost(u.ID, "parts of %d bytes, where %d were stored: it was begun on another kind of store", sent, u.stored())
	}
	return m, nil
}

// Hold is Store's. A part that another node has sent again under the same number has another checksum, which Commit sees: it fails, and nothing wrong is
// stored.
func (s *S3) Hold(context.Context, string) (release func(), err error) { return func() {}, nil }

// Append is Store's. It holds at most two parts in memory: one, and a second, if there is one to spare, that is filled while the first is on its way.
func (s *S3) Append(ctx context.Context, u *Upload, r io.Reader) error {
	if err := u.check(partSize); err != nil {
		return err
	}
	sum, err := u.hash()
	if err != nil {
		return err
	}
	sent, err := u.multipart()
	if err != nil {
		return err
	}

	// What stays small takes no part buffer: clients that only trickle cannot use them up.
	first := s.small.Get().(*[TailMax + 1]byte)
	defer s.small.Put(first)
	n, readErr := fill(ctx, r, first[:])
	sum.Write(first[:n])
	size := u.Size + int64(n)
	var tail []byte
	if readErr != nil && len(u.Tail)+n <= TailMax {
		tail = append(append(tail, u.Tail...), first[:n]...)
	} else {
		send := &sender{store: s, ctx: context.WithoutCancel(ctx), account: turn.Of(ctx).Account(), id: u.ID, multipart: sent}
		if send.buffer, err = s.buffers.take(ctx, send.account); err != nil {
			return err
		}
		defer send.end()
		err := send.write(u.Tail)
		if err == nil {
			err = send.write(first[:n])
		}
		for err == nil && readErr == nil {
			n, readErr = fill(ctx, r, send.space())
			sum.Write(send.space()[:n])
			size += int64(n)
			err = send.advance(n)
		}
		if err == nil {
			tail, err = send.finish()
		}
		if err != nil {
			return err
		}
		sent = send.multipart
	}

	sumOf, err := sumState(sum)
	if err != nil {
		return err
	}
	var state []byte
	if sent.ID != "" {
		if state, err = json.Marshal(sent); err != nil {
			return err
		}
	}
	u.Size, u.Sum, u.Tail, u.State = size, sumOf, tail, state
	return bodyError(readErr)
}

// sender cuts what an Append reads into parts and sends them, one at a time, while the next is being filled if there is a buffer to spare.
type sender struct {
	store     *S3
	ctx       context.Context // not the client's
	account   string          // whose the buffers are
	id        string
	multipart multipart
	begun     bool // the multipart upload was begun here, and is nobody's if this Append fails
	done      bool

	buffer   *[partSize]byte // being filled; nil while it is on its way and there is no other
	filled   int
	onTheWay chan sentPart // nil: none
}

type sentPart struct {
	part part
	err  error
}

// end gives the buffers back, and the multipart upload if it is nobody's.
func (w *sender) end() {
	_ = w.settle()
	w.giveBack(w.buffer)
	w.buffer = nil
	if w.begun && !w.done {
		ctx, cancel := context.WithTimeout(w.ctx, callTime)
		defer cancel()
		_ = w.store.abort(ctx, w.id, w.multipart.ID) // else Sweep will
	}
}

func (w *sender) giveBack(buffer *[partSize]byte) {
	if buffer != nil {
		w.store.buffers.give(w.account, buffer)
	}
}

// space is where the next bytes go.
func (w *sender) space() []byte { return w.buffer[w.filled:] }

// write adds p, which was hashed before.
func (w *sender) write(p []byte) error {
	for len(p) > 0 {
		n := copy(w.space(), p)
		p = p[n:]
		if err := w.advance(n); err != nil {
			return err
		}
	}
	return nil
}

// advance takes n bytes of space as written, and sends the part that they complete.
func (w *sender) advance(n int) error {
	if w.filled += n; w.filled < partSize {
		return nil
	}
	if err := w.settle(); err != nil {
		return err
	}
	w.filled = 0
	other := w.store.buffers.try(w.account)
	if other == nil { // memory is short: wait for this part
		sent := w.send(w.buffer[:])
		w.multipart.Parts = append(w.multipart.Parts, sent.part)
		return sent.err
	}
	if err := w.ensure(); err != nil {
		w.giveBack(other)
		return err
	}
	full := w.buffer
	w.buffer = other
	result := make(chan sentPart, 1)
	w.onTheWay = result
	go func() {
		sent := w.send(full[:])
		w.giveBack(full)
		result <- sent
	}()
	return nil
}

// settle waits for the part that is on its way.
func (w *sender) settle() error {
	if w.onTheWay == nil {
		return nil
	}
	sent := <-w.onTheWay
	w.onTheWay = nil
	w.multipart.Parts = append(w.multipart.Parts, sent.part)
	return sent.err
}

// finish sends what is left, if it makes a part, and answers the tail that does not.
func (w *sender) finish() ([]byte, error) {
	if err := w.settle(); err != nil {
		return nil, err
	}
	least := partMin
	if len(w.multipart.Parts) >= partsMax/2 {
		least = partSize
	}
	if w.filled < least {
		w.done = true
		return bytes.Clone(w.buffer[:w.filled]), nil
	}
	sent := w.send(w.buffer[:w.filled])
	w.multipart.Parts = append(w.multipart.Parts, sent.part)
	w.done = sent.err == nil
	return nil, sent.err
}

// ensure begins the multipart upload.
func (w *sender) ensure() error {
	if w.multipart.ID != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(w.ctx, callTime)
	defer cancel()
	out, err := w.store.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &w.store.bucket, Key: w.store.objectKey(w.id), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
		ServerSideEncryption: w.store.sse, SSEKMSKeyId: w.store.kmsKey,
	})
	if err != nil {
		return unavailable(err)
	}
	w.multipart.ID, w.begun = aws.ToString(out.UploadId), true
	return nil
}

// send sends p as the part after those that are known.
func (w *sender) send(p []byte) sentPart {
	if err := w.ensure(); err != nil {
		return sentPart{err: err}
	}
	sent, err := w.store.sendPart(w.ctx, w.id, w.multipart.ID, len(w.multipart.Parts)+1, p)
	return sentPart{sent, err}
}

func (s *S3) sendPart(ctx context.Context, id, multipart string, number int, p []byte) (part, error) {
	if number > partsMax {
		return part{}, fault.New(fault.SizeInvalid, "the layer is larger than the registry can store")
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	out, err := s.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &s.bucket, Key: s.objectKey(id), UploadId: &multipart, PartNumber: aws.Int32(int32(number)),
		Body: bytes.NewReader(p), ContentLength: aws.Int64(int64(len(p))), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		// A server that refuses a part before it has read it may reset the connection, and then its answer is lost: ask again, without a body.
		if code := s3Code(err); code == "NoSuchUpload" || code == "" && s.unknown(ctx, id, multipart) {
			return part{}, errUploadLost(id, "multipart upload %s: %w", multipart, err)
		}
		return part{}, unavailable(err)
	}
	return part{ETag: aws.ToString(out.ETag), Size: int64(len(p)), CRC32: aws.ToString(out.ChecksumCRC32)}, nil
}

// unknown reports whether the server says that there is no such multipart upload.
func (s *S3) unknown(ctx context.Context, id, multipart string) bool {
	_, err := s.client.ListParts(ctx, &s3.ListPartsInput{Bucket: &s.bucket, Key: s.objectKey(id), UploadId: &multipart, MaxParts: aws.Int32(1)})
	return s3Code(err) == "NoSuchUpload"
}

// Commit is Store's. Whatever the server answered, the object has to have the size, and the checksum if the server keeps one, before anything is
// acknowledged (F16).
func (s *S3) Commit(ctx context.Context, u *Upload) error {
	if err := u.check(partSize); err != nil {
		return err
	}
	sent, err := u.multipart()
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	var checksum string
	if sent.ID == "" {
		checksum = crc(u.Tail)
		err = s.put(ctx, u)
	} else {
		if len(u.Tail) > 0 {
			sent.Parts = append(sent.Parts, part{Size: int64(len(u.Tail)), CRC32: crc(u.Tail)})
		}
		checksum = sent.checksum()
		err = s.complete(ctx, u, sent)
	}

	// After an error the object may be there all the same: the answer was lost, now or in an earlier Commit.
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	whole, checkErr := s.holdsWhole(ctx, u, checksum)
	switch {
	case whole:
		return nil
	case err != nil:
		return err
	case checkErr != nil:
		return unavailable(checkErr)
	}
	_ = s.Delete(ctx, u.Key())
	return fault.Wrap(ErrSize, fault.Unavailable, "the registry's storage did not keep the content; push again")
}

// holdsWhole reports whether the object of u is what u says. The checksum tells apart what two nodes made of one upload, should both be allowed to try.
// Servers that keep none, or another kind, are believed the size. Its error is ErrMissing if there is no object; some servers say that once of an object
// which they have just acknowledged (F17).
func (s *S3) holdsWhole(ctx context.Context, u *Upload, checksum string) (bool, error) {
	for attempt := 1; ; attempt++ {
		out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: s.objectKey(u.ID), ChecksumMode: types.ChecksumModeEnabled})
		if err == nil {
			kept := aws.ToString(out.ChecksumCRC32)
			comparable := kept != "" && checksum != "" && strings.Contains(kept, "-") == strings.Contains(checksum, "-")
			return aws.ToInt64(out.ContentLength) == u.Size && (!comparable || kept == checksum), nil
		}
		if !absent(err) {
			return false, err
		}
		if attempt == 3 {
			return false, ErrMissing
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(time.Duration(attempt) * 100 * time.Millisecond):
		}
	}
}

// crc is the checksum of p as S3 writes it.
func crc(p []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(p)))
}

// checksum is the one that S3 gives an object of these parts: the checksum of theirs, and how many they are. It is empty if one of them has none.
func (m *multipart) checksum() string {
	var all []byte
	for _, p := range m.Parts {
		sum, err := base64.StdEncoding.DecodeString(p.CRC32)
		if err != nil || len(sum) != crc32.Size {
			return ""
		}
		all = append(all, sum...)
	}
	return fmt.Sprintf("%s-%d", crc(all), len(m.Parts))
}

// put stores an upload of which nothing was sent.
func (s *S3) put(ctx context.Context, u *Upload) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: s.objectKey(u.ID), Body: bytes.NewReader(u.Tail), ContentLength: aws.Int64(u.Size),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32, ServerSideEncryption: s.sse, SSEKMSKeyId: s.kmsKey,
	})
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// complete sends the tail, if there is one, as the last of the parts, and makes them one object.
func (s *S3) complete(ctx context.Context, u *Upload, sent multipart) error {
	if last := len(sent.Parts); len(u.Tail) > 0 {
		tail, err := s.sendPart(ctx, u.ID, sent.ID, last, u.Tail)
		if err != nil {
			return err
		}
		sent.Parts[last-1] = tail
	}
	parts := make([]types.CompletedPart, len(sent.Parts))
	for i, p := range sent.Parts {
		parts[i] = types.CompletedPart{ETag: aws.String(p.ETag), PartNumber: aws.Int32(int32(i + 1))}
		if p.CRC32 != "" {
			parts[i].ChecksumCRC32 = aws.String(p.CRC32)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	_, err := s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &s.bucket, Key: s.objectKey(u.ID), UploadId: aws.String(sent.ID),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	switch s3Code(err) {
	case "NoSuchUpload", "InvalidPart", "InvalidPartOrder", "EntityTooSmall":
		// Two nodes that wrote to one upload at once have overwritten each other's parts: there is no content that either of them hashed.
		return errUploadLost(u.ID, "multipart upload %s: %w", sent.ID, err)
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// Abort is Store's.
func (s *S3) Abort(ctx context.Context, u *Upload) error {
	if err := u.check(partSize); err != nil {
		return err
	}
	sent, _ := u.multipart()
	if sent.ID == "" {
		return nil
	}
	return s.abort(ctx, u.ID, sent.ID)
}
