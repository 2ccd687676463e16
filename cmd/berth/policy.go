package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// PolicyCmd is `berth policy`: the policy engine on its own, without a server.
type PolicyCmd struct {
	Eval     PolicyEvalCmd     `cmd:"" help:"Decide requests by policies, one JSON object a line."`
	Validate PolicyValidateCmd `cmd:"" help:"Find what is wrong with a policy, by line and column."`
}

// PolicyEvalCmd is `berth policy eval --jsonl [FILE]`.
type PolicyEvalCmd struct {
	JSONL bool   `name:"jsonl" required:"" help:"Read one request a line and print one decision a line."`
	File  string `arg:"" optional:"" type:"existingfile" help:"Read requests from this file instead of standard input."`
}

// Help is the longer text of `berth policy eval --help`.
func (c *PolicyEvalCmd) Help() string {
	return `A line is {"id", "principal": {"arn" | "service" | "federated" | "anonymous"}, "action", "resource": {"arn", "account", "none"}, "context": {key: string or list},
"contextMode": "literal" (the default: the keys as given) or "derive" (also those that follow from principal, resource and time),
"policies": {"identity": [], "boundary": [], "session": [], "resource", "registry", "scp": [{"target", "policies": []}], "rcp": [], "endpoint": []}}.
A policy is a document, or {"name", "arn", "document"}. What is no policy has no statement, null is none; an unknown name is an error.

"blockedBy" lists the layers that stand in the way of what the others grant: without them the request is allowed. These are layers of which a statement denies, and SCPs, RCPs, the
endpoint policy and the boundary also when nothing in them allows. A layer that denies grants nothing. The list is empty if the request is allowed, or if identity, session
and resource policies do not grant it in the first place: then "layer" says which of them is missing, and "explain" shows every deny.`
}

// Run decides every line of the input.
func (c *PolicyEvalCmd) Run() error {
	return withInput(c.File, func(in io.Reader) error { return evalPolicies(in, os.Stdout) })
}

// PolicyValidateCmd is `berth policy validate FILE --type …` and `berth policy validate --jsonl [FILE]`.
type PolicyValidateCmd struct {
	JSONL bool   `name:"jsonl" help:"Read one document a line and print one result a line."`
	Type  string `default:"identity" help:"What the policy is for: identity, repository, registry, registry-v1, trust, scp, rcp, session, boundary, endpoint, resource, any."`
	File  string `arg:"" optional:"" type:"existingfile" help:"The policy; with --jsonl the lines. Standard input if not given."`
}

// Run prints the findings, and fails if the policy could not be stored.
func (c *PolicyValidateCmd) Run(cli *CLI) error {
	return withInput(c.File, func(in io.Reader) error {
		if c.JSONL {
			return validatePolicies(in, os.Stdout)
		}
		return validatePolicy(in, os.Stdout, cmp.Or(c.File, "-"), c.Type, cli.Output)
	})
}

func withInput(file string, f func(io.Reader) error) error {
	if file == "" || file == "-" {
		return f(os.Stdin)
	}
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	return f(in)
}

// maxPolicyLine bounds one line of input: a request may carry many documents, but not fill the memory.
const maxPolicyLine = 16 << 20

// lines calls f for each line that is not blank and writes what it answers as one line of JSON. A line that is too long is answered as an
// error, and the next one is read.
func lines(in io.Reader, out io.Writer, f func(line []byte) any) error {
	reader, writer := bufio.NewReaderSize(in, 64<<10), bufio.NewWriterSize(out, 64<<10)
	encoder := json.NewEncoder(writer)
	encoder.SetEscapeHTML(false)
	var line []byte
	for tooLong := false; ; {
		piece, err := reader.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(piece) > maxPolicyLine; !tooLong {
			line = append(line, piece...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		var answer any
		switch {
		case tooLong:
			answer = lineError{Error: errorObject{"LineTooLong", fmt.Sprintf("a line may have %d bytes", maxPolicyLine)}}
		case len(bytes.TrimSpace(line)) > 0:
			answer = f(line)
		}
		if answer != nil {
			if err := encoder.Encode(answer); err != nil {
				return err
			}
			// Whoever feeds lines one by one waits for the answer: flush when no further line is at hand.
			if reader.Buffered() == 0 {
				if err := writer.Flush(); err != nil {
					return err
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return writer.Flush()
		}
		if err != nil {
			return errors.Join(err, writer.Flush())
		}
		line, tooLong = line[:0], false
	}
}

type errorObject struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// lineError answers a line that could not be read; ID is the line's own.
type lineError struct {
	ID    json.RawMessage `json:"id,omitempty"`
	Error errorObject     `json:"error"`
}

// idOf finds the id of a line that may be wrong otherwise.
func idOf(line []byte) json.RawMessage {
	var only struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(line, &only) != nil {
		return nil
	}
	return only.ID
}
