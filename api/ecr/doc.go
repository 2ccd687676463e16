// Package ecr is the door of the private ECR API: the operations of the service model "ecr" over awsJson1.1 (API-1).
//
// It decides nothing. Each operation is one file with one method, named as the model names it, that takes and returns the shapes of the AWS SDK:
// it reads its input, asks the registry for a handle on the repository (which is where permission is decided), and says what came of it in the
// words of ECR. awswire finds the methods by name, checks the input against the model before they are called, and writes their answers; errors.go
// names each fault on this wire.
package ecr
