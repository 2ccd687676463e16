// Package policy is an engine for AWS IAM policies: it reads a document and compiles it once, decides requests over every layer that
// AWS knows (service and resource control policies, resource policies, role trust policies, identity policies, permissions boundaries,
// session policies, VPC endpoint policies), words a refusal as AWS words it, explains a decision statement by statement, and finds what is
// wrong with a document, by line and column.
//
// It is pure: no clock, no disk, no network. What a request knows comes through Context. Rule ids such as IAMP-2.2 name sections of the
// specification of policy evaluation that berth is built to.
//
// A decision allocates nothing; Explain and Validate do. Every type here is safe for concurrent use once made.
package policy
