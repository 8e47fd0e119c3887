file(REMOVE_RECURSE
  "CMakeFiles/convex_native.dir/fused.cpp.o"
  "CMakeFiles/convex_native.dir/fused.cpp.o.d"
  "CMakeFiles/convex_native.dir/shim.cpp.o"
  "CMakeFiles/convex_native.dir/shim.cpp.o.d"
  "libconvex_native.pdb"
  "libconvex_native.so"
)

# Per-language clean rules from dependency scanning.
foreach(lang CXX)
  include(CMakeFiles/convex_native.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()
