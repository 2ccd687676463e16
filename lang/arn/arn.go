// Package arn reads and writes Amazon Resource Names: arn:partition:service:region:account:resource.
package arn

import (
	"errors"
	"strings"
)

// ARN is one resource name, taken apart at its first five colons.
type ARN struct {
	Partition, Service, Region, Account string
	// Resource is everything after the fifth colon; it may hold colons and slashes.
	Resource string
}

var errMalformed = errors.New("not an ARN: want arn:partition:service:region:account:resource")

// Parse takes s apart. It checks the shape only: six parts, the first "arn", partition, service and resource not empty.
func Parse(s string) (ARN, error) {
	rest, ok := strings.CutPrefix(s, "arn:")
	if !ok {
		return ARN{}, errMalformed
	}
	var a ARN
	for _, part := range []*string{&a.Partition, &a.Service, &a.Region, &a.Account} {
		if *part, rest, ok = strings.Cut(rest, ":"); !ok {
			return ARN{}, errMalformed
		}
	}
	a.Resource = rest
	if a.Partition == "" || a.Service == "" || a.Resource == "" {
		return ARN{}, errMalformed
	}
	return a, nil
}

// String puts the parts together again.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// Partition names the partition that a region belongs to (API-23): aws, aws-cn or aws-us-gov.
func Partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// Repository is the ARN of a repository of the private registry (API-23).
func Repository(region, account, name string) string {
	return "arn:" + Partition(region) + ":ecr:" + region + ":" + account + ":repository/" + name
}

// IAM is the ARN of an identity of an account: resource is "root", "user/path/name", "role/name" ... (IAM-2). IAM is global: its region is empty.
func IAM(account, resource string) string {
	return "arn:aws:iam::" + account + ":" + resource
}

// IsAccount reports whether s is the id of an account: twelve digits (API-26).
func IsAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
