package org_test

import "github.com/berth-registry/berth/storage/sql/sqltest"

// excuses are why statements may read a whole table, or sort.
func excuses() sqltest.Excuses {
	return sqltest.Excuses{
		"iam_": "the tests of identity/iam look at its statements",
		"FROM org_attachment a JOIN org_policy p": "sorts the policies of one target, which are limited",
	}
}
