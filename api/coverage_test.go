package api_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/berth-registry/berth/api/ecr"
	"github.com/berth-registry/berth/api/iam"
	"github.com/berth-registry/berth/api/organizations"
	"github.com/berth-registry/berth/api/sts"
	"github.com/berth-registry/berth/lang/awswire"
)

var update = flag.Bool("update", false, "write docs/coverage.md instead of comparing with it")

const page = "../docs/coverage.md"

// docs/coverage.md says which operations of the AWS services are served. It is made from what awswire.Bind finds on the doors, so it cannot say anything
// else than the program does.
func TestCoverage(t *testing.T) {
	want := coverage(t, bound(t))
	if *update {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("docs/coverage.md does not say what is served. Write it anew with\n\n\tgo test ./api -run Coverage -update\n\nIt would begin:\n%.600s", want)
	}
}

// service is one section of the page.
type service struct {
	title string
	*awswire.Service
}

// bound is every service that has an AWS model, bound as the server binds it.
func bound(t *testing.T) []service {
	t.Helper()
	var list []service
	add := func(title string, s *awswire.Service, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, service{title, s})
	}
	s, err := ecr.Service(&ecr.API{})
	add("Amazon ECR, private registries (ecr)", s, err)
	s, err = iam.Service(&iam.API{})
	add("AWS Identity and Access Management (iam)", s, err)
	s, err = sts.Service(&sts.API{})
	add("AWS Security Token Service (sts)", s, err)
	s, err = organizations.Service(&organizations.API{})
	add("AWS Organizations (organizations)", s, err)
	return list
}

func coverage(t *testing.T, services []service) []byte {
	t.Helper()
	var summary, sections bytes.Buffer
	for _, s := range services {
		var served, others []string
		for _, op := range s.Operations() {
			if op.Served {
				served = append(served, op.Name)
			} else {
				others = append(others, op.Name)
			}
		}
		if len(served) == 0 {
			t.Errorf("%s serves nothing", s.title)
		}
		fmt.Fprintf(&summary, "| %s | %s | %d of %d |\n", s.title, s.Model().Version, len(served), len(served)+len(others))
		fmt.Fprintf(&sections, "\n## %s\n\nServed:\n\n%s", s.title, bullets(served))
		if len(others) > 0 {
			fmt.Fprintf(&sections, "\nNot served; the answer is the service's error for an unknown operation, and says so:\n\n%s", bullets(others))
		}
	}
	return []byte("# What of the AWS APIs is served\n\n" +
		"This page is written by `go test ./api -run Coverage -update` from the program itself; a test fails while it is out of date.\n\n" +
		"| service | API version | operations served |\n| --- | --- | --- |\n" + summary.String() + sections.String())
}

func bullets(names []string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString("- " + name + "\n")
	}
	return b.String()
}
