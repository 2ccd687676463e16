package iam_test

import "github.com/berth-registry/berth/storage/sql/sqltest"

// excuses are why statements may read a whole table, or sort.
func excuses() sqltest.Excuses {
	return sqltest.Excuses{
		"SCAN iam_sealing_key":                                   "a row for each key that there was",
		"SELECT policy FROM iam_attachment WHERE owner = $1":     "sorts the policies of one user and its groups, which are limited",
		"FROM iam_access_key WHERE owner = $1":                   "sorts the keys of one user, which are two at the most",
		"FROM iam_membership m JOIN iam_group g":                 "sorts the groups of one user, which are ten at the most",
		"SELECT client FROM iam_oidc_client":                     "sorts the clients of one provider, which are a hundred at the most",
		"JOIN iam_attachment a ON a.owner = u.id":                "sorts what is attached to the users of one page",
		"WHERE created = (SELECT min(created) FROM iam_account)": "sorts the accounts of one microsecond",
	}
}
