// Package fault is the one error type of berth.
//
// A fault is made where a rule of the domain is broken, wrapped with %w on its way up, and translated once, by the door that answers the
// client, with a table from Code to the wire's own name. Every error that is not a fault is a 500 with a request id: its text never reaches a client.
package fault

import (
	"errors"
	"fmt"
)

// Code is a condition of the domain that a client can act upon. The set is closed: see Codes.
type Code string

// Error is a broken rule of the domain.
type Error struct {
	// Code says which rule; doors translate it.
	Code Code
	// Message is safe to show to the client who asked: no path, no SQL, no other tenant's name.
	Message string
	// Err is the cause, for logs only; may be nil.
	Err error
	// Detail is what a wire adds to its error body: LayerPart for InvalidLayerPart, a policy decision for AccessDenied; may be nil.
	Detail any
}

// Error returns the message followed by the cause, for logs.
func (e *Error) Error() string {
	if e.Err != nil {
		return string(e.Code) + ": " + e.Message + ": " + e.Err.Error()
	}
	return string(e.Code) + ": " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes a fault with a formatted message.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes a fault that keeps err for the log and shows only the formatted message.
func Wrap(err error, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Err: err}
}

// With returns e with detail for the wire's error body.
func (e *Error) With(detail any) *Error {
	e.Detail = detail
	return e
}

// As returns the fault in err's chain, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Is reports whether err's chain holds a fault with code.
func Is(err error, code Code) bool {
	e := As(err)
	return e != nil && e.Code == code
}

// LayerPart is the Detail of InvalidLayerPart: where the client may go on (API-60).
type LayerPart struct {
	RegistryID, Repository, UploadID string
	// LastValidByte is the offset of the last byte that is stored, -1 if there is none.
	LastValidByte int64
}

// Reason is the Detail of ConstraintViolation, HandshakeConstraintViolation and, where AWS tells one, InvalidInput: which rule, in a word that clients can compare
// (ORG-20).
type Reason struct{ Reason string }
