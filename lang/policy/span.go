package policy

// Span is where a statement stands in its document, as simulations of policies report it: from one place to the place just behind its closing brace. Lines and
// columns count from 1, columns in code points.
type Span struct{ Line, Column, EndLine, EndColumn int }

// StatementSpans returns where each statement stands, in the order of the document. A span begins where AWS's simulator lets it begin: in a list just behind the
// bracket or the statement before, else just behind the opening brace.
func (p *Policy) StatementSpans() []Span {
	root, source, err := readJSON([]byte(p.source))
	if err != nil {
		return nil // it was read once before
	}
	statements := root.get("Statement")
	if statements == nil {
		return nil
	}
	places := locator{source: source}
	begin := statements.start + 1
	var out []Span
	for _, item := range statements.list() {
		var s Span
		s.Line, s.Column = places.at(begin)
		s.EndLine, s.EndColumn = places.at(item.end)
		out = append(out, s)
		begin = item.end
	}
	return out
}
