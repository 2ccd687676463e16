package arn

import "testing"

func TestParseAndString(t *testing.T) {
	for _, s := range []string{
		"arn:aws:ecr:us-east-2:111222333444:repository/team/app",
		"arn:aws:iam::111222333444:user/dev/ann",
		"arn:aws-cn:s3:::bucket/a:b",
	} {
		a, err := Parse(s)
		if err != nil || a.String() != s {
			t.Errorf("Parse(%q) = %v, %v", s, a, err)
		}
	}
	for _, s := range []string{"", "arn", "arn:aws:ecr:us-east-2:111222333444", "urn:aws:ecr:r:a:x", "arn::ecr:r:a:x", "arn:aws:ecr:r:a:"} {
		if a, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", s, a)
		}
	}
}

// API-23: the partition follows from the region.
func TestRepository(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-2":     "arn:aws:ecr:us-east-2:111222333444:repository/a/b",
		"cn-north-1":    "arn:aws-cn:ecr:cn-north-1:111222333444:repository/a/b",
		"us-gov-west-1": "arn:aws-us-gov:ecr:us-gov-west-1:111222333444:repository/a/b",
	} {
		if got := Repository(region, "111222333444", "a/b"); got != want {
			t.Errorf("Repository(%s) = %s, want %s", region, got, want)
		}
	}
}

// API-26: an account id is twelve digits and nothing else.
func TestIsAccount(t *testing.T) {
	for s, want := range map[string]bool{"012345678901": true, "12345678901": false, "1234567890123": false, "12345678901a": false, "": false} {
		if IsAccount(s) != want {
			t.Errorf("IsAccount(%q) = %v", s, !want)
		}
	}
}
