package registry

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"

	"github.com/berth-registry/berth/lang/lifecycle"
	"github.com/berth-registry/berth/lang/policy"
	"github.com/berth-registry/berth/storage/check"
	"github.com/berth-registry/berth/storage/sql"
)

func isJSON(text []byte, into any) bool { return json.Unmarshal(text, into) == nil }

// readable documents: each of these answers why a text cannot be read. An empty text is none.

func readPolicy(text string) error {
	if text == "" {
		return nil
	}
	_, err := policy.Parse([]byte(text))
	return err
}

func readLifecycle(text string) error {
	if text == "" {
		return nil
	}
	_, err := lifecycle.Parse([]byte(text))
	return err
}

func readList[T any](text string) error {
	var list []T
	if !isJSON([]byte(text), &list) {
		return errNotJSON
	}
	return nil
}

func readPattern(text string) error {
	_, err := regexp.Compile(text)
	return err
}

// settings is I10 and I11 of a repository: its documents can still be read, and its account is there.
func (c *checker) settings(ctx context.Context, r *checked) error {
	var policyText, rules *string
	var tags, exclusions, pattern string
	var owned bool
	err := c.db.Row(ctx, `SELECT r.policy, l.text, r.tags, r.exclusions, r.tag_pattern, EXISTS (SELECT 1 FROM iam_account a WHERE a.id = r.account) FROM repository r LEFT JOIN lifecycle l ON l.repository_id = r.id WHERE r.id = $1 AND r.account <> ''`,
		sql.Args(r.id), &policyText, &rules, &tags, &exclusions, &pattern, &owned)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	if !owned {
		c.run.Report(r.found("I11", "", "", "is of an account that is not there"))
	}
	for _, document := range []struct {
		name string
		err  error
	}{
		{"policy", readPolicy(orEmpty(policyText))}, {"lifecycle policy", readLifecycle(orEmpty(rules))}, {"resource tags", readList[Tag](tags)},
		{"exclusions from tag mutability", readList[string](exclusions)}, {"pattern of tags", readPattern(pattern)},
	} {
		if document.err != nil {
			c.run.Report(r.found("I10", document.name, "put it again", "cannot be read: %v", document.err))
		}
	}
	return nil
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// registries is I10 of what holds for the whole registry of an account.
func (c *checker) registries(ctx context.Context) error {
	for _, kind := range []struct {
		name, query string
		read        func(string) error
	}{
		{"registry policy", `SELECT account, region, '', policy FROM registry_policy`, readPolicy},
		{"signing configuration", `SELECT account, region, '', rules FROM signing_configuration`, readList[json.RawMessage]},
		{"policy of creation template ", `SELECT account, region, prefix, policy FROM creation_template`, readPolicy},
		{"lifecycle policy of creation template ", `SELECT account, region, prefix, lifecycle FROM creation_template`, readLifecycle},
		{"resource tags of creation template ", `SELECT account, region, prefix, tags FROM creation_template`, readList[Tag]},
		{"exclusions of creation template ", `SELECT account, region, prefix, exclusions FROM creation_template`, readList[string]},
	} {
		err := c.db.Rows(ctx, kind.query+` WHERE region = $1 OR $1 = ''`, sql.Args(c.run.Region), func(row sql.Scanner) error {
			f := check.Finding{Invariant: "I10", Repair: "put it again"}
			var name, text string
			if err := row.Scan(&f.Account, &f.Region, &name, &text); err != nil {
				return err
			}
			if err := kind.read(text); err != nil {
				f.Object, f.Detail = kind.name+name, "cannot be read: "+err.Error()
				c.run.Report(f)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
