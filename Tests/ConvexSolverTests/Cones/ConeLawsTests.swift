import ConvexSolver
import Foundation
import TestSupport
import Testing

@Suite("Laws of the nonsymmetric cones")
struct ConeLawsTests {
    private static let seeds = Array(0..<40)
    private static let depths = [1e-6, 1e-3, 0.1, 3]

    private func generator(_ seed: Int) -> SeededGenerator { SeededGenerator(seed: UInt64(seed)) }

    @Test(arguments: SampledCone.all)
    func `the center is its own shadow, inside the cone and its dual`(_ sample: SampledCone) {
        let center = sample.cone.center
        #expect(sample.cone.isInside(center) && sample.cone.isInsideDual(center))
        #expect((-sample.cone.dualBarrier(at: center).gradient).isClose(to: center, 1e-14))
        #expect(sample.cone.shadow(of: center).isClose(to: center, 1e-14))
    }

    @Test(arguments: SampledCone.all, seeds)
    func `inside and outside are told apart at the boundary`(_ sample: SampledCone, seed: Int) {
        var generator = generator(seed)
        for depth in Self.depths {
            let point = sample.inside(&generator, depth: depth)
            #expect(sample.cone.isInside(point) && sample.contains(point))
            #expect(sample.cone.distanceOutside(point) == 0)
            let dual = sample.insideDual(&generator, depth: depth)
            #expect(sample.cone.isInsideDual(dual))
            #expect(sample.cone.distanceOutsideDual(dual) == 0)
        }
        // A point of the boundary moved out along the normal leaves by about the move.
        let boundary = sample.inside(&generator, depth: 0)
        guard let normal = sample.cone.boundary(at: boundary)?.gradient else {
            Issue.record("no normal at \(boundary)")
            return
        }
        let move = 1e-5
        let outside = boundary + normal * (move / normal.norm)
        #expect(!sample.cone.isInside(outside))
        let distance = sample.cone.distanceOutside(outside)
        #expect(distance > 0.3 * move && distance < 1e3 * move, "\(distance)")
    }

    @Test(arguments: SampledCone.all, seeds)
    func `points of the cone and of its dual have a positive product`(_ sample: SampledCone, seed: Int) {
        var generator = generator(seed)
        for depth in Self.depths {
            let (s, z) = (sample.inside(&generator, depth: depth), sample.insideDual(&generator, depth: depth))
            #expect(s.dot(z) > 0)
        }
    }

    @Test(arguments: SampledCone.all, seeds)
    func `the normal of the boundary is in the dual cone`(_ sample: SampledCone, seed: Int) throws {
        var generator = generator(seed)
        let s = sample.inside(&generator, depth: 0)
        let boundary = try #require(sample.cone.boundary(at: s))
        let z = -boundary.gradient * generator.uniform(0.1...10)
        #expect(boundary.value.magnitude <= 1e-13 * (1 + s.norm))
        #expect(s.dot(z).magnitude <= 1e-13 * s.norm * z.norm)
        #expect(sample.cone.distanceOutsideDual(z) <= 1e-13 * z.norm)
        let inside = sample.cone.roundedInsideDual(z)
        #expect(sample.cone.distanceOutsideDual(inside) <= 1e-15 * z.norm)
        #expect(inside.isClose(to: z, 1e-13))
        #expect((sample.cone.boundaryMultiplier(s: s, z: z) * boundary.gradient).isClose(to: -z, 1e-12))
    }

    @Test(arguments: SampledCone.all, seeds)
    func `the barrier is logarithmically homogeneous of degree three`(_ sample: SampledCone, seed: Int) {
        var generator = generator(seed)
        let z = sample.insideDual(&generator, depth: 0.05)
        let barrier = sample.cone.dualBarrier(at: z)
        let v = Vector3.random(&generator)
        #expect((barrier.gradient.dot(z) + 3).magnitude < 1e-11)
        #expect(barrier.hessianTimes(z).isClose(to: -barrier.gradient, 1e-11))
        #expect(barrier.thirdTimes(z, v).isClose(to: barrier.hessianTimes(v) * -2, 1e-10))
    }

    @Test(arguments: SampledCone.all, seeds)
    func `derivatives agree with finite differences`(_ sample: SampledCone, seed: Int) {
        var generator = generator(seed)
        let z = sample.insideDual(&generator, depth: 0.5)
        let (u, v) = (Vector3.random(&generator), Vector3.random(&generator))
        let barrier = sample.cone.dualBarrier(at: z)
        // A step within the region where the barrier is nearly quadratic, measured by its own Hessian.
        let step = 1e-4 / max(1, v.dot(barrier.hessianTimes(v)).squareRoot())
        let (ahead, behind) = (z + v * step, z - v * step)
        let slope = (sample.dualBarrierValue(ahead) - sample.dualBarrierValue(behind)) / (2 * step)
        #expect((slope - barrier.gradient.dot(v)).magnitude <= 1e-6 * (1 + slope.magnitude))
        let (next, last) = (sample.cone.dualBarrier(at: ahead), sample.cone.dualBarrier(at: behind))
        #expect(((next.gradient - last.gradient) / (2 * step)).isClose(to: barrier.hessianTimes(v), 1e-5))
        let third = (next.hessianTimes(u) - last.hessianTimes(u)) / (2 * step)
        let size = barrier.hessianTimes(u).norm * v.dot(barrier.hessianTimes(v)).squareRoot()
        #expect((third - barrier.thirdTimes(u, v)).norm <= 1e-5 * size)
    }

    @Test(arguments: SampledCone.all, seeds)
    func `the boundary function's derivatives agree with finite differences`(_ sample: SampledCone, seed: Int) throws {
        var generator = generator(seed)
        let s = sample.inside(&generator, depth: 0)
        let v = Vector3.random(&generator)
        let boundary = try #require(sample.cone.boundary(at: s))
        let step = 1e-6 * min(s.y.magnitude, s.z.magnitude, 1)
        let ahead = try #require(sample.cone.boundary(at: s + v * step))
        let behind = try #require(sample.cone.boundary(at: s - v * step))
        let slope = (ahead.value - behind.value) / (2 * step)
        #expect((slope - boundary.gradient.dot(v)).magnitude <= 1e-6 * (1 + boundary.gradient.norm * v.norm))
        let curvature = (ahead.gradient - behind.gradient) / (2 * step)
        let expected = boundary.bend * boundary.bend.dot(v)
        #expect((curvature - expected).norm <= 1e-5 * (1 + boundary.bend.dot(boundary.bend)) * v.norm)
    }

    @Test(arguments: SampledCone.all, seeds)
    func `the shadow inverts the gradient`(_ sample: SampledCone, seed: Int) {
        var generator = generator(seed)
        for depth in Self.depths {
            let s = sample.inside(&generator, depth: depth)
            let shadow = sample.cone.shadow(of: s)
            #expect(sample.cone.isInsideDual(shadow))
            // Near the boundary s is known to a rounding error of its depth, and so is what the gradient gives back.
            #expect((-sample.cone.dualBarrier(at: shadow).gradient).isClose(to: s, 1e-11 / depth))
            #expect((s.dot(shadow) - 3).magnitude <= 1e-12 / depth)
        }
    }

    @Test(arguments: SampledCone.all, seeds)
    func `the scaling takes z to s, shadow to shadow, and its inverse back`(_ sample: SampledCone, seed: Int) throws {
        var generator = generator(seed)
        for depth in [1e-2, 0.3, 2] {
            let (s, z) = (sample.inside(&generator, depth: depth), sample.insideDual(&generator, depth: depth))
            let scaling = try #require(NonsymmetricScaling(sample.cone, s: s, z: z))
            let accuracy = 1e-9 / depth
            #expect(scaling.times(z).isClose(to: s, accuracy))
            #expect(scaling.inverseTimes(s).isClose(to: z, accuracy))
            let shadowOfZ = -sample.cone.dualBarrier(at: z).gradient
            let shadowOfS = sample.cone.shadow(of: s)
            #expect(scaling.times(shadowOfS).isClose(to: shadowOfZ, accuracy))
            let v = Vector3.random(&generator)
            #expect(scaling.inverseTimes(scaling.times(v)).isClose(to: v, accuracy))
            #expect(scaling.weights.min() > 0)
            let (first, second, third) = (
                scaling.directions.first, scaling.directions.second, scaling.directions.third
            )
            #expect(max(first.dot(second).magnitude, first.dot(third).magnitude, second.dot(third).magnitude) < 1e-14)
        }
    }

    @Test(arguments: SampledCone.all, seeds)
    func `on the central path the scaling is the barrier's Hessian`(_ sample: SampledCone, seed: Int) throws {
        var generator = generator(seed)
        let mu = generator.uniform(0.01...10)
        let z = sample.insideDual(&generator, depth: 0.2)
        let barrier = sample.cone.dualBarrier(at: z)
        let scaling = try #require(NonsymmetricScaling(sample.cone, s: -barrier.gradient * mu, z: z))
        let v = Vector3.random(&generator)
        #expect(scaling.times(v).isClose(to: barrier.hessianTimes(v) * mu, 1e-9))
    }

    @Test(arguments: SampledCone.all, seeds)
    func `the second-order term follows the central path`(_ sample: SampledCone, seed: Int) throws {
        // s(μ) = −μ∇f*(z) for z moving with μ: Δs + μH Δz makes up for −s, and what it misses is of second order.
        var generator = generator(seed)
        let z = sample.insideDual(&generator, depth: 1)
        let barrier = sample.cone.dualBarrier(at: z)
        let s = -barrier.gradient
        let scaling = try #require(NonsymmetricScaling(sample.cone, s: s, z: z))
        // The whole way, −s and −z, is the predictor where nothing else constrains: its second-order term is s.
        #expect(scaling.secondOrderTerm(s: -s, z: Vector3.zero).norm < 1e-12)
        #expect(scaling.secondOrderTerm(s: -s, z: -z).isClose(to: s, 1e-9))
    }

    @Test(arguments: SampledCone.all, seeds)
    func `a step ends inside, and a little further it would not`(_ sample: SampledCone, seed: Int) {
        var generator = generator(seed)
        for dual in [false, true] {
            let point = dual ? sample.insideDual(&generator, depth: 0.1) : sample.inside(&generator, depth: 0.1)
            let direction = Vector3.random(&generator) * 10
            let step = sample.cone.stepToBoundary(point, direction, dual: dual, limit: 1)
            func isInside(_ length: Double) -> Bool {
                let end = point + direction * length
                return dual ? sample.cone.isInsideDual(end) : sample.cone.isInside(end)
            }
            #expect(step > 0 && isInside(step))
            #expect(step == 1 || !isInside(step * 1.003))
            #expect(sample.cone.stepToBoundary(point, .zero, dual: dual, limit: 1) == 1)
        }
    }
}
