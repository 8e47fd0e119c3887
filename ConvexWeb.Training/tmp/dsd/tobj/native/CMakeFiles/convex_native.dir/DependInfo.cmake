
# Consider dependencies only in project.
set(CMAKE_DEPENDS_IN_PROJECT_ONLY OFF)

# The set of languages for which implicit dependencies are needed:
set(CMAKE_DEPENDS_LANGUAGES
  )

# The set of dependency files which are needed:
set(CMAKE_DEPENDS_DEPENDENCY_FILES
  "/work/main/ConvexWeb.Training/Native/fused.cpp" "CMakeFiles/convex_native.dir/fused.cpp.o" "gcc" "CMakeFiles/convex_native.dir/fused.cpp.o.d"
  "/work/main/ConvexWeb.Training/Native/shim.cpp" "CMakeFiles/convex_native.dir/shim.cpp.o" "gcc" "CMakeFiles/convex_native.dir/shim.cpp.o.d"
  )

# Targets to which this target links.
set(CMAKE_TARGET_LINKED_INFO_FILES
  )

# Fortran module output directory.
set(CMAKE_Fortran_TARGET_MODULE_DIR "")
