package lifecycle_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/berth-registry/berth/lang/lifecycle"
)

// LC-1 to LC-10: what is refused, with AWS's text and the place.
func TestRefusals(t *testing.T) {
	ok := rule(1, untaggedDay)
	with := func(selection, action string) string {
		return fmt.Sprintf(`{"rules":[{"rulePriority":1,"selection":{%s},"action":%s}]}`, selection, action)
	}
	const expire, archive, days = `{"type":"expire"}`, `{"type":"transition","targetStorageClass":"archive"}`, `"countUnit":"days","countNumber":`
	for _, c := range []struct{ policy, detail, path string }{
		{``, "Could not map policyString into LifecyclePolicy.", ""},
		{`[]`, "Could not map policyString into LifecyclePolicy.", ""},
		{`{"rules":[` + ok + `]} x`, "Could not map policyString into LifecyclePolicy.", ""},
		{`{"rules":[` + ok + `,]}`, "Could not map policyString into LifecyclePolicy.", ""},
		{`{"rules":[` + ok + `],"rules":[]}`, "Could not map policyString into LifecyclePolicy.", ""},
		{strings.Repeat(`[`, 15_000), "Could not map policyString into LifecyclePolicy.", ""},
		{`{"rules":[` + ok + `]}` + strings.Repeat(" ", 30_720), "the policy is longer than 30720 characters", ""},
		{`{}`, `object has missing required properties (["rules"])`, ""},
		{`{"rules":[` + ok + `],"version":1,"Id":"x"}`, `object instance has properties which are not allowed by the schema: (["Id","version"])`, ""},
		{`{"rules":{}}`, `instance type (object) does not match any allowed primitive type (allowed: ["array"])`, "rules"},
		{`{"rules":[]}`, "array is too short: must have at least 1 elements but instance has 0 elements", "rules"},
		{policyOf(strings.Split(strings.Repeat(ok+"\n", 51), "\n")[:51]...), "array is too long: must have at most 50 elements but instance has 51 elements", "rules"},
		{`{"rules":[{"rulePriority":1}]}`, `object has missing required properties (["action","selection"])`, "rules[0]"},
		{`{"rules":[{"rulePriority":0,"selection":{` + anyOne + `},"action":{"type":"expire"}}]}`, "numeric instance is lower than the required minimum (minimum: 1, found: 0)", "rules[0].rulePriority"},
		{`{"rules":[{"rulePriority":"1","selection":{` + anyOne + `},"action":{"type":"expire"}}]}`, `instance type (string) does not match any allowed primitive type (allowed: ["integer"])`, "rules[0].rulePriority"},
		{`{"rules":[{"rulePriority":1.5,"selection":{` + anyOne + `},"action":{"type":"expire"}}]}`, `instance type (number) does not match any allowed primitive type (allowed: ["integer"])`, "rules[0].rulePriority"},
		{`{"rules":[{"rulePriority":1,"description":7,"selection":{` + anyOne + `},"action":{"type":"expire"}}]}`, `instance type (integer) does not match any allowed primitive type (allowed: ["string"])`, "rules[0].description"},
		{with(`"tagStatus":"some","countType":"imageCountMoreThan","countNumber":1`, expire), `instance value ("some") not found in enum (possible values: ["any","tagged","untagged"])`, "rules[0].selection.tagStatus"},
		{with(`"tagStatus":"any","countType":"sinceImageLoved",`+days+`1`, expire), "instance failed to match exactly one schema (matched 0 out of 2)", "rules[0].selection.countType"},
		{with(`"tagStatus":"any","countType":"sinceImagePushed","countNumber":1`, expire), "instance failed to match exactly one schema (matched 0 out of 2)", "rules[0].selection.countType"},
		{with(`"tagStatus":"any","countType":"imageCountMoreThan",`+days+`1`, expire), "instance failed to match exactly one schema (matched 0 out of 2)", "rules[0].selection.countType"},
		{with(`"tagStatus":"any","countType":"sinceImagePushed","countUnit":"weeks","countNumber":1`, expire), "instance failed to match exactly one schema (matched 0 out of 2)", "rules[0].selection.countType"},
		{with(`"tagStatus":"tagged","countType":"imageCountMoreThan","countNumber":1`, expire), "Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED.", "rules[0].selection"},
		{with(`"tagStatus":"tagged","tagPrefixList":[],"countType":"imageCountMoreThan","countNumber":1`, expire), "array is too short: must have at least 1 elements but instance has 0 elements", "rules[0].selection.tagPrefixList"},
		{with(`"tagStatus":"tagged","tagPrefixList":["a"],"tagPatternList":["b"],"countType":"imageCountMoreThan","countNumber":1`, expire), "If policy has a tagged rule, it must specify only one of tagPrefixList or tagPatternList", "rules[0].selection.tagPatternList"},
		{with(`"tagStatus":"untagged","tagPrefixList":["a"],"countType":"imageCountMoreThan","countNumber":1`, expire), "Cannot specify tagPrefixList with tagStatus UNTAGGED", "rules[0].selection.tagPrefixList"},
		{with(`"tagStatus":"any","tagPatternList":["a"],"countType":"imageCountMoreThan","countNumber":1`, expire), "Cannot specify tagPatternList with tagStatus ANY", "rules[0].selection.tagPatternList"},
		{with(`"tagStatus":"tagged","tagPatternList":["a","*b*c*d*e*"],"countType":"imageCountMoreThan","countNumber":1`, expire), "Invalid tag pattern provided", "rules[0].selection.tagPatternList[1]"},
		{with(`"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1`, `{"type":"transition"}`), "Could not map policyString into LifecyclePolicy.", "rules[0].action"},
		{with(`"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1`, `{"type":"delete"}`), `instance value ("delete") not found in enum (possible values: ["expire","transition"])`, "rules[0].action.type"},
		{with(`"tagStatus":"any","storageClass":"archive","countType":"imageCountMoreThan","countNumber":1`, expire), "SINCE_IMAGE_PUSHED, SINCE_IMAGE_PULLED and IMAGE_COUNT_MORE_THAN support the STANDARD storage class only", "rules[0].selection"},
		{with(`"tagStatus":"any","countType":"sinceImageTransitioned",`+days+`90`, expire), "SINCE_IMAGE_TRANSITIONED supports the ARCHIVE storage class only", "rules[0].selection"},
		{with(`"tagStatus":"any","countType":"sinceImagePulled",`+days+`90`, expire), "SINCE_IMAGE_PULLED supports the TRANSITION action only", "rules[0].action"},
		{with(`"tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned",`+days+`90`, archive), "SINCE_IMAGE_TRANSITIONED supports the EXPIRE action only", "rules[0].action"},
		{with(`"tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned",`+days+`89`, expire), "numeric instance is lower than the required minimum (minimum: 90, found: 89)", "rules[0].selection.countNumber"},
		{with(`"tagStatus":"any","countType":"imageCountMoreThan","countNumber":99999999999999999999`, expire), `instance type (number) does not match any allowed primitive type (allowed: ["integer"])`, "rules[0].selection.countNumber"},
		// LC-2, LC-3: every member that must be there, and no other.
		{`{"rules":[{"rulePriority":1,"name":"x","selection":{` + anyOne + `},"action":{"type":"expire"}}]}`, `object instance has properties which are not allowed by the schema: (["name"])`, "rules[0]"},
		{with(`"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1,"age":1`, expire), `object instance has properties which are not allowed by the schema: (["age"])`, "rules[0].selection"},
		{with(anyOne, `{"type":"expire","when":"now"}`), `object instance has properties which are not allowed by the schema: (["when"])`, "rules[0].action"},
		{with(``, expire), `object has missing required properties (["countNumber","countType","tagStatus"])`, "rules[0].selection"},
		{with(anyOne, `{}`), `object has missing required properties (["type"])`, "rules[0].action"},
		{with(`"tagStatus":"any","countType":"imageCountMoreThan","countNumber":0`, expire), "numeric instance is lower than the required minimum (minimum: 1, found: 0)", "rules[0].selection.countNumber"},
		{with(`"tagStatus":"any","storageClass":"frozen","countType":"imageCountMoreThan","countNumber":1`, expire), `instance value ("frozen") not found in enum (possible values: ["archive","standard"])`, "rules[0].selection.storageClass"},
		{with(anyOne, `{"type":"transition","targetStorageClass":"standard"}`), `instance value ("standard") not found in enum (possible values: ["archive"])`, "rules[0].action.targetStorageClass"},
		// LC-5: all three that count days say so.
		{with(`"tagStatus":"any","countType":"sinceImagePulled","countNumber":1`, archive), "instance failed to match exactly one schema (matched 0 out of 2)", "rules[0].selection.countType"},
		{with(`"tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned","countNumber":90`, expire), "instance failed to match exactly one schema (matched 0 out of 2)", "rules[0].selection.countType"},
		// LC-6: who selects by no tags names none, not even none at all.
		{with(`"tagStatus":"untagged","tagPrefixList":[],"countType":"imageCountMoreThan","countNumber":1`, expire), "array is too short: must have at least 1 elements but instance has 0 elements", "rules[0].selection.tagPrefixList"},
		{with(`"tagStatus":"any","tagPatternList":[],"countType":"imageCountMoreThan","countNumber":1`, expire), "array is too short: must have at least 1 elements but instance has 0 elements", "rules[0].selection.tagPatternList"},
		// LC-8: what counts images or days since a push or a pull is not for the archive.
		{with(`"tagStatus":"any","storageClass":"archive","countType":"sinceImagePushed",`+days+`90`, expire), "SINCE_IMAGE_PUSHED, SINCE_IMAGE_PULLED and IMAGE_COUNT_MORE_THAN support the STANDARD storage class only", "rules[0].selection"},
		{with(`"tagStatus":"any","storageClass":"archive","countType":"sinceImagePulled",`+days+`90`, archive), "SINCE_IMAGE_PUSHED, SINCE_IMAGE_PULLED and IMAGE_COUNT_MORE_THAN support the STANDARD storage class only", "rules[0].selection"},
		{policyOf(ok, ok), "Duplicate priority in multiple rules", "rules[1].rulePriority"},
		{policyOf(ok, rule(2, untaggedDay)), "Only one rule can select Untagged images per storage class", "rules[1]"},
		{policyOf(rule(3, anyOne), rule(4, anyOne)), "Only one rule can specify tagStatus=ANY per storage class", "rules[1]"},
		{policyOf(rule(1, anyOne), rule(2, untaggedDay)), "Rule for tagStatus=ANY must have the lowest priority per storage class", "rules[0]"},
		{policyOf(rule(1, tagged("tagPrefixList", `"a","b"`, moreThanOne)), rule(2, tagged("tagPrefixList", `"b","a","a"`, moreThanOne))), "Tagged rules must have a unique set of tag prefixes or patterns per storage class", "rules[1]"},
	} {
		_, err := lifecycle.Parse([]byte(c.policy))
		var invalid *lifecycle.Invalid
		if !errors.As(err, &invalid) || invalid.Detail != c.detail || invalid.Path != c.path {
			t.Errorf("%.200s:\n got %v\nwant %s at %q", c.policy, err, c.detail, c.path)
		}
	}
}

// LC-2, LC-4, LC-7, LC-8, LC-9: what is unusual, and a policy all the same.
func TestAcceptedPolicies(t *testing.T) {
	with := func(priority int, selection, action string) string {
		return fmt.Sprintf(`{"rulePriority":%d,"selection":{%s},"action":%s}`, priority, selection, action)
	}
	const expire, archive, days = `{"type":"expire"}`, `{"type":"transition","targetStorageClass":"archive"}`, `"countUnit":"days","countNumber":`
	const coldest = `"tagStatus":%q,"storageClass":"archive","countType":"sinceImageTransitioned",` + days + `90`
	for name, policy := range map[string]string{
		"gaps between priorities":         policyOf(with(7, untaggedDay, expire), with(900, anyOne, expire)),
		"rules in any order":              policyOf(with(9, anyOne, expire), with(2, untaggedDay, expire)),
		"a description of nothing":        `{"rules":[{"rulePriority":1,"description":"","selection":{` + anyOne + `},"action":` + expire + `}]}`,
		"the class that is the default":   policyOf(with(1, anyOne+`,"storageClass":"standard"`, expire)),
		"archive by number":               policyOf(with(1, anyOne, archive)),
		"archive by age":                  policyOf(with(1, untaggedDay, archive)),
		"archive by pull":                 policyOf(with(1, `"tagStatus":"any","countType":"sinceImagePulled",`+days+`1`, archive)),
		"90 days in the archive":          policyOf(with(1, fmt.Sprintf(coldest, "any"), expire)),
		"any in each class":               policyOf(with(1, anyOne, archive), with(2, fmt.Sprintf(coldest, "any"), expire)),
		"untagged in each class":          policyOf(with(1, untaggedDay, archive), with(2, fmt.Sprintf(coldest, "untagged"), expire)),
		"the same prefixes in each class": policyOf(with(1, tagged("tagPrefixList", `"v"`, moreThanOne), archive), with(2, fmt.Sprintf(coldest, "tagged")+`,"tagPrefixList":["v"]`, expire)),
		"four asterisks":                  policyOf(with(1, tagged("tagPatternList", `"*b*c*d*e"`, moreThanOne), expire)),
		"fifty rules": policyOf(func() (list []string) {
			for n := range 50 {
				list = append(list, with(n+1, tagged("tagPrefixList", fmt.Sprintf(`"p%d"`, n), moreThanOne), expire))
			}
			return list
		}()...),
	} {
		if _, err := lifecycle.Parse([]byte(policy)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The place of what is wrong, for people: lines and columns from 1, columns in characters.
func TestPlaces(t *testing.T) {
	for policy, want := range map[string]string{
		"{\n  \"rules\": [\n    {\"rulePriority\": 1, \"description\": \"älter\", \"selection\": {\"tagStatus\": \"none\"}}\n  ]\n}":                                                            "object has missing required properties ([\"action\"]) (line 3, column 5: rules[0])",
		"{\"rules\": [{\"rulePriority\": 1, \"description\": \"ä\", \"selection\": {\"tagStatus\": \"none\", \"countType\": \"x\", \"countNumber\": 1},\n\"action\": {\"type\": \"expire\"}}]}": "instance value (\"none\") not found in enum (possible values: [\"any\",\"tagged\",\"untagged\"]) (line 1, column 79: rules[0].selection.tagStatus)",
		"{\n  \"rules\": [\n    {\"rulePriority\": 1,}\n  ]\n}": "Could not map policyString into LifecyclePolicy. (line 3, column 23: the policy)",
	} {
		_, err := lifecycle.Parse([]byte(policy))
		if err == nil || err.Error() != "Lifecycle policy validation failure: "+want {
			t.Errorf("%s\n got %v\nwant %s", policy, err, want)
		}
	}
}

// Whatever the text, reading it ends, and what is read can be run.
func FuzzParse(f *testing.F) {
	f.Add(policyOf(rule(1, untaggedDay), rule(2, anyOne)))
	f.Add(`{"rules":[{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := lifecycle.Parse([]byte(text))
		if err != nil {
			return
		}
		r := p.Begin(now)
		im := pushed("", 3, "a")
		r.Next(&im.Image)
	})
}
