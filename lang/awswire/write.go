package awswire

import (
	"fmt"
	"net/http"
	"reflect"
	"strconv"
)

// maxBuffer is the largest answer whose buffer is kept for the next.
const maxBuffer = 256 << 10

func (s *Service) buffer() *[]byte { return s.buffers.Get().(*[]byte) }

func (s *Service) release(buf *[]byte, b []byte) {
	if cap(b) <= maxBuffer {
		*buf = b[:0]
		s.buffers.Put(buf)
	}
}

// WriteResult answers 200 with out, the SDK output shape that op's Call returned (API-3, STS-2). A nil out is an empty one. The error is that of writing to the client, or tells that
// out is not of op.
func (s *Service) WriteResult(w http.ResponseWriter, op *Operation, out any, requestID string) error {
	if op.output == nil {
		return fmt.Errorf("awswire: %s is not served", op.Name)
	}
	v := reflect.ValueOf(out)
	switch {
	case !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil():
		v = reflect.Zero(op.output.typ)
	case v.Kind() == reflect.Pointer && v.Type().Elem() == op.output.typ:
		v = v.Elem()
	default:
		return fmt.Errorf("awswire: %s answered %T", op.Name, out)
	}
	buf := s.buffer()
	b := (*buf)[:0]
	if s.model.Protocol == JSON {
		b = appendJSON(b, op.output, v)
	} else {
		b = append(append(append(b, '<'), op.Name...), `Response xmlns="`...)
		b = append(append(b, s.model.Namespace...), `">`...)
		if op.resultWrapper != "" {
			b = appendTag(b, op.resultWrapper)
			b = appendXML(b, op.output, v)
			b = appendEnd(b, op.resultWrapper)
		}
		b = append(b, "<ResponseMetadata><RequestId>"...)
		b = appendXMLText(b, requestID)
		b = append(b, "</RequestId></ResponseMetadata></"...)
		b = append(append(b, op.Name...), "Response>"...)
	}
	err := s.send(w, http.StatusOK, b, requestID)
	s.release(buf, b)
	return err
}

func (s *Service) send(w http.ResponseWriter, status int, body []byte, requestID string) error {
	h := w.Header()
	h.Set("X-Amzn-Requestid", requestID)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if s.model.Protocol == JSON {
		h.Set("Content-Type", "application/x-amz-json-1.1")
	} else {
		h.Set("Content-Type", "text/xml")
	}
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}
