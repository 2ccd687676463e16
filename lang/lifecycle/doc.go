// Package lifecycle reads lifecycle policies of ECR repositories and says what they do with images: which go, by which rule, and why the others stay.
//
// It is pure: no clock, no disk, no network. A Run takes the images of a repository one after the other, newest first, and answers for each at once, so that its
// memory depends on the rules and not on the images. Rule ids such as LC-14 name sections of the specification that berth is built to.
package lifecycle
