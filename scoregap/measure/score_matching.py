"""Losses of score matching as dimensions (Yeats et al. 2025, "A connection between score matching and local intrinsic
dimension", arXiv 2510.12975).

denoised points, or the trace of G at a clean point -> dimension

With w the noise, x_t = x + sqrt(t) w and D the denoiser,

    denoising loss   |x - D(x_t)|^2 / t, mean over w
    implicit loss    d + t (tr J + |s|^2 / 2) at x itself, which FLIPD is with |s|^2 whole

as the authors' public code has them (their network predicts w, and D = x_t - sqrt(t) times that). As t -> 0 both go to
the dimension for the exact score of a manifold. What they are at any t: for flat data with variances gamma the
expectation of the denoising loss is sum gamma / (gamma + t), by Tweedie's second identity it is E tr G for the exact
score of any data, and for another denoiser it is that and the mean square of its error over t. So of a network it lies
above that of the exact score, which itself is no bound of the dimension: below it for flat data, above it on a circle.

Integration by parts makes the mean of d + 2 t tr J + t |s|^2 at *noisy* points the denoising loss: that is the implicit
loss which is equivalent to it (Hyvarinen 2005), at the price of a trace.
"""

from scoregap.arguments import array, finite_or_nan, positive


def denoising_loss(x, denoised, t):
    """|x - D(x_t)|^2 / t, mean over draws of the noise.

    x: (..., d) clean points. denoised: (..., K, d) D at x + sqrt(t) w of K draws. Returns (...), not rounded;
    NaN where one is not finite.
    """
    x = array("x", x, "...", "d")
    denoised = finite_or_nan("denoised", denoised, *x.shape[:-1], "K", x.shape[-1])
    return ((denoised - x[..., None, :]) ** 2).sum(-1).mean(-1) / positive("t", t)


def implicit_loss(x, denoised, trace, t):
    """d + t (tr J + |s|^2 / 2) = tr G + |D - x|^2 / (2 t) at a clean point.

    x, denoised: (..., d) clean points and D there. trace: (...) of G, or an estimate. Returns (...), not rounded.
    """
    x = array("x", x, "...", "d")
    denoised = finite_or_nan("denoised", denoised, "...", x.shape[-1])
    return finite_or_nan("trace", trace, "...") + ((denoised - x) ** 2).sum(-1) / (2 * positive("t", t, "..."))
