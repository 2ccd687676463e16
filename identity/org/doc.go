// Package org holds the organizations of berth: a tree of a root, organizational units and accounts, that one account manages, and the policies that hang
// on it.
//
// It tells the directory where in which organization an account is (aws:PrincipalOrgPaths and its kin) and which service and resource control policies
// bind it. That is asked at each decision, and so it is kept in memory, under the epoch of the account and that of its organization: an account that has
// moved is elsewhere at the very next request (ORG-8). What hangs on a unit is compiled once for all accounts below it.
//
// Units do not move, so a unit's path is fixed when it is made, and an account's place is one row: who is above it needs no walk.
package org
