"""Loss terms: each turns a Prediction and the images into one number."""
