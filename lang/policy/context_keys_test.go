package policy

import (
	"fmt"
	"testing"
)

// IAMP-1, IAMP-2.3: keys of conditions and of variables, as written, each once.
func TestContextKeys(t *testing.T) {
	for document, want := range map[string]string{
		`{}`: "[]",
		`{"Version":"2012-10-17","Statement":[{"Condition":{"StringEquals":{"aws:SourceArn":"x","aws:PrincipalTag/Team":["${aws:username}","${AWS:UserName}"]},"Null":{"AWS:sourcearn":"true"}}}]}`: "[aws:PrincipalTag/Team aws:SourceArn aws:username]",
		`{"Version":"2012-10-17","Statement":{"Resource":["arn:aws:ecr:*:${aws:x}:repository/${aws:userid}/${aws:y, 'z'}${*}$"],"NotAction":"ecr:${aws:z}"}}`:                                       "[aws:userid aws:x aws:y]",
		`{"Version":"2008-10-17","Statement":{"Resource":"arn:aws:ecr:*:*:repository/${aws:userid}","Condition":{"StringLike":{"aws:SourceArn":"${aws:username}"}}}}`:                               "[aws:SourceArn]",
		`{"Version":"2012-10-17","Statement":{"Condition":{"NumericEquals":{"aws:EpochTime":"${aws:username}"},"StringEquals":"aws:SourceIp","Bool":{"aws:SecureTransport":"${aws:no}"}}}}`:         "[aws:EpochTime aws:SecureTransport aws:no]",
	} {
		if got := fmt.Sprint(mustParse(document).ContextKeys()); got != want {
			t.Errorf("%s\n got %s\nwant %s", document, got, want)
		}
	}
}
